// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/module_release.h"

#include "tests/unit/support/struct_writer.h"
#include "tests/unit/support/task_world.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;
using testing::StructWriter;
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
    describe_modules();
    task = add_process(7, "rmmod");
    finish();
    kernel.put_pointer(task + Task::stack, kStack);
    kernel.put_pointer(task + Task::sp, kUsed);
  }
  void push(std::uint64_t word) { kernel.put_pointer(Gva{kUsed + 8 * ++words}, word); }
  /// As up to 6.3: one area that stays, one for init.
  void describe_modules() {
    auto& btf = kernel.btf_writer();
    const auto u32 = btf.integer("unsigned int", 4), ptr = btf.pointer(0);
    StructWriter layout(btf, "module_layout");
    layout.add("base", ptr, 8, 8);
    for (const char* name : {"size", "text_size", "ro_size", "ro_after_init_size"})
      layout.add(name, u32, 4, 4);
    const auto size = layout.size();
    const auto one = layout.finish();
    StructWriter type(btf, "module");
    type.add("state", u32, 4, 8);
    core_layout = type.add("core_layout", one, size, 8);
    init_layout = type.add("init_layout", one, size, 8);
    type.finish();
  }
  /// A module that counts as unformed, with its init's memory at `init`.
  Gva unformed_module(std::uint64_t init) {
    const Gva module = kernel.allocate(256);
    kernel.put(module, std::uint32_t{3});
    const auto put_layout = [&](std::uint32_t offset, std::uint64_t base, std::uint32_t size) {
      kernel.put_pointer(module + offset, base);
      for (unsigned i = 0; i < 4; ++i) kernel.put(module + (offset + 8 + 4 * i), size);
    };
    put_layout(core_layout, page_of(module).value, kPageSize);
    put_layout(init_layout, init, 0x800);
    return module;
  }
  std::optional<bool> in_hand() { return module_memory_in_hand(kernel, Gva{kPage}); }
  Gva task;
  unsigned words = 0;
  std::uint32_t core_layout = 0, init_layout = 0;
};

TEST(ModuleMemory, IsInHandOfATaskThatFreesIt) {
  World world;
  world.push(kText + 0x1234);
  world.push(kPage + 0x123);
  EXPECT_EQ(world.in_hand(), true);
}

TEST(ModuleMemory, IsInHandOfATaskWhoseLoadingFails) {
  World world;
  world.kernel.define("load_module.cold", Gva{kText + 0x3000}, 't');
  world.push(kText + 0x3010);
  world.push(kPage + 0x123);
  EXPECT_EQ(world.in_hand(), true);
}

TEST(ModuleMemory, IsNotThatOfATaskThatFreesAnother) {
  World world;
  world.push(kText + 0x1234);
  world.push(kPage + kPageSize);
  EXPECT_EQ(world.in_hand(), false);
}

TEST(ModuleMemory, IsInHandOfATaskThatHoldsItsModule) {
  World world;
  world.push(kText + 0x1234);
  world.push(world.unformed_module(kPage).value);
  EXPECT_EQ(world.in_hand(), true);
}

TEST(ModuleMemory, IsNotThatOfATaskThatHoldsAnotherModule) {
  for (const std::uint64_t elsewhere : {kPage - kPageSize, kPage + kPageSize}) {
    World world;
    world.push(kText + 0x1234);
    world.push(world.unformed_module(elsewhere).value);
    EXPECT_EQ(world.in_hand(), false) << elsewhere;
  }
}

TEST(ModuleMemory, IsNotThatOfATaskThatHoldsItsModuleForSomethingElse) {
  World world;
  world.push(kText + 0x2001);
  world.push(world.unformed_module(kPage).value);
  EXPECT_EQ(world.in_hand(), false);
}

TEST(ModuleMemory, IsNotThatOfATaskThatDoesSomethingElse) {
  World world;
  world.push(kText + 0x2001);
  world.push(kPage);
  EXPECT_EQ(world.in_hand(), false);
}

TEST(ModuleMemory, IsNotInWhatAStackHeldOnce) {
  World world;
  world.kernel.put_pointer(Gva{kUsed - 16}, kText + 0x1234);
  world.kernel.put_pointer(Gva{kUsed - 8}, kPage);
  EXPECT_EQ(world.in_hand(), false);
}

TEST(ModuleMemory, IsInNobodysHandWhereAStackCannotBeRead) {
  for (const std::uint64_t sp : {kStack - 8, kStack + 0x10000, kUsed + 1}) {
    World world;
    world.push(kText + 0x1234);
    world.push(kPage);
    world.kernel.put_pointer(world.task + World::Task::sp, sp);
    EXPECT_EQ(world.in_hand(), false) << sp;
  }
}

}  // namespace
}  // namespace ringside::guest::linux
