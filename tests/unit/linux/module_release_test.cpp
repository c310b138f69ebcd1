// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_release.h"

#include "tests/unit/support/task_world.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;
using testing::TaskWorld;

constexpr std::uint64_t kText = 0x1000000, kPage = 0x2345000;
/// The last one of memory, so that it ends where nothing is mapped.
constexpr std::uint64_t kStack = FakeKernel::kRam - 0x4000, kUsed = kStack + 0x3f00;

struct World : TaskWorld {
  World() {
    kernel.mutable_identity().text = {Gva{kText}, Gva{kText + 0x10000}};
    kernel.define("do_one_thing", Gva{kText}, 't');
    kernel.define("free_module", Gva{kText + 0x1000}, 't');
    kernel.define("do_another", Gva{kText + 0x2000}, 't');
    task = add_process(7, "rmmod");
    finish();
    kernel.put_pointer(task + Task::stack, kStack);
    kernel.put_pointer(task + Task::sp, kUsed);
  }
  void push(std::uint64_t word) { kernel.put_pointer(Gva{kUsed + 8 * ++words}, word); }
  bool in_hand() { return module_memory_in_hand(kernel, Gva{kPage}); }
  Gva task;
  unsigned words = 0;
};

TEST(ModuleMemory, IsInHandOfATaskThatFreesIt) {
  World world;
  world.push(kText + 0x1234);
  world.push(kPage + 0x123);
  EXPECT_TRUE(world.in_hand());
}

TEST(ModuleMemory, IsNotThatOfATaskThatFreesAnother) {
  World world;
  world.push(kText + 0x1234);
  world.push(kPage + kPageSize);
  EXPECT_FALSE(world.in_hand());
}

TEST(ModuleMemory, IsNotThatOfATaskThatDoesSomethingElse) {
  World world;
  world.push(kText + 0x2001);
  world.push(kPage);
  EXPECT_FALSE(world.in_hand());
}

TEST(ModuleMemory, IsNotInWhatAStackHeldOnce) {
  World world;
  world.kernel.put_pointer(Gva{kUsed - 16}, kText + 0x1234);
  world.kernel.put_pointer(Gva{kUsed - 8}, kPage);
  EXPECT_FALSE(world.in_hand());
}

TEST(ModuleMemory, IsInNobodysHandWhereAStackCannotBeRead) {
  for (const std::uint64_t sp : {kStack - 8, kStack + 0x10000, kUsed + 1}) {
    World world;
    world.push(kText + 0x1234);
    world.push(kPage);
    world.kernel.put_pointer(world.task + World::Task::sp, sp);
    EXPECT_FALSE(world.in_hand()) << sp;
  }
}

}  // namespace
}  // namespace ringside::guest::linux
