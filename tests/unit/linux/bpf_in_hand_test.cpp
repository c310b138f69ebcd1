// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/bpf_in_hand.h"

#include "tests/unit/support/task_world.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;
using testing::TaskWorld;

constexpr std::uint64_t kText = 0x1000000, kChunk = 0x2345040;
constexpr std::uint64_t kStack = FakeKernel::kRam - 0x4000, kUsed = kStack + 0x3f00;

/// A task that has `code` and `held` on its stack.
std::optional<bool> in_hand(std::uint64_t code, std::uint64_t held) {
  TaskWorld world;
  auto& kernel = world.kernel;
  kernel.mutable_identity().text = {Gva{kText}, Gva{kText + 0x10000}};
  kernel.define("bpf_prog_load", Gva{kText}, 't');
  kernel.define("bpf_int_jit_compile", Gva{kText + 0x1000}, 't');
  kernel.define("schedule", Gva{kText + 0x2000}, 't');
  const Gva task = world.add_process(7, "loader");
  world.finish();
  kernel.put_pointer(task + TaskWorld::Task::stack, kStack);
  kernel.put_pointer(task + TaskWorld::Task::sp, kUsed);
  kernel.put_pointer(Gva{kUsed + 8}, code);
  kernel.put_pointer(Gva{kUsed + 16}, held);
  return bpf_code_in_hand(kernel, Gva{kChunk});
}

TEST(BpfCode, IsInHandOfATaskThatCompilesIt) {
  EXPECT_EQ(in_hand(kText + 0x1234, kChunk), true);
  EXPECT_EQ(in_hand(kText + 0x1234, kChunk + 0x8c), true);  // where the program begins in its room
}

TEST(BpfCode, IsNotThatOfATaskThatCompilesAnother) {
  EXPECT_EQ(in_hand(kText + 0x1234, kChunk - 0x40), false);
  EXPECT_EQ(in_hand(kText + 0x1234, kChunk + 0x1000), false);
}

TEST(BpfCode, IsNotThatOfATaskThatDoesSomethingElse) {
  EXPECT_EQ(in_hand(kText + 0x10, kChunk), false);
  EXPECT_EQ(in_hand(kText + 0x2010, kChunk), false);
}

}  // namespace
}  // namespace ringside::guest::linux
