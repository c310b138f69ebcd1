// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/grace_periods.h"

#include "tests/unit/support/fake_kernel.h"
#include "tests/unit/support/struct_writer.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;
using testing::StructWriter;

/// The counters of a kernel's rcu_state.
struct World {
  explicit World(unsigned bits = 64) : kernel(bits) {
    auto& btf = kernel.btf_writer();
    const auto word = btf.integer("unsigned long", bits / 8), small = btf.integer("short", 2, true);
    StructWriter state(btf, "rcu_state");
    state.add("level", word, bits / 8, bits / 8);
    sequence = state.add("gp_seq", word, bits / 8, bits / 8);
    flags = state.add("gp_flags", small, 2, 2);
    expedited = state.add("expedited_sequence", word, bits / 8, bits / 8);
    size = state.size();
    state.finish();
  }
  void define() { at = kernel.define_variable("rcu_state", size); }
  auto now() { return grace_periods(kernel, kernel.memory()); }
  FakeKernel kernel;
  std::uint32_t sequence = 0, flags = 0, expedited = 0, size = 0;
  Gva at;
};

TEST(GracePeriods, AreReadAsTheyAreNow) {
  World world;
  world.define();
  world.kernel.put(world.at + world.sequence, std::uint64_t{400});
  world.kernel.put(world.at + world.flags, std::uint16_t{2});
  world.kernel.put(world.at + world.expedited, std::uint64_t{801});
  const auto first = world.now();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->normal.sequence, 400u);
  EXPECT_TRUE(first->normal.at_rest());
  EXPECT_EQ(first->expedited.sequence, 801u);
  EXPECT_FALSE(first->expedited.at_rest()) << "one is in progress";
  // The snapshot holds the page as it was.
  ASSERT_TRUE(world.kernel.read<std::uint64_t>(world.at));
  world.kernel.put(world.at + world.sequence, std::uint64_t{404});
  world.kernel.put(world.at + world.flags, std::uint16_t{1});
  const auto second = world.now();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->normal.sequence, 404u);
  EXPECT_FALSE(second->normal.at_rest()) << "one is wanted";
}

TEST(GracePeriods, OfTasksAreReadWhereTheKernelCountsThem) {
  World world;
  world.define();
  auto& btf = world.kernel.btf_writer();
  const auto word = btf.integer("u64", 8);
  btf.struct_("rcu_tasks", 32, {{"gp_state", word, 0}, {"tasks_gp_seq", word, 128}});
  btf.struct_("srcu_struct", 16, {{"sda", word, 0}, {"srcu_sup", word, 64}});
  btf.struct_("srcu_usage", 32, {{"srcu_gp_seq", word, 64}, {"srcu_gp_seq_needed", word, 192}});
  ASSERT_TRUE(world.now());
  EXPECT_EQ(world.now()->tasks, std::nullopt);
  const Gva tasks = world.kernel.define_variable("rcu_tasks", 32);
  world.kernel.put(tasks + 16, std::uint64_t{401});
  ASSERT_TRUE(world.now()->tasks);
  EXPECT_EQ(world.now()->tasks->sequence, 401u);
  EXPECT_EQ(world.now()->tasks_trace, std::nullopt);

  // From Linux 7.0 on.
  const Gva srcu = world.kernel.define_variable("rcu_tasks_trace_srcu_struct", 16);
  const Gva usage = world.kernel.define_variable("a_usage", 32);
  world.kernel.put_pointer(srcu + 8, usage.value);
  world.kernel.put(usage + 8, std::uint64_t{800});
  world.kernel.put(usage + 24, std::uint64_t{800});
  ASSERT_TRUE(world.now()->tasks_trace);
  EXPECT_EQ(world.now()->tasks_trace->sequence, 800u);
  EXPECT_TRUE(world.now()->tasks_trace->at_rest());
  world.kernel.put(usage + 24, std::uint64_t{808});
  EXPECT_FALSE(world.now()->tasks_trace->at_rest()) << "one is wanted";
  world.kernel.put_pointer(srcu + 8, 0x123400000000);
  EXPECT_EQ(world.now()->tasks_trace, std::nullopt) << "it leads nowhere";

  // Before.
  const Gva trace = world.kernel.define_variable("rcu_tasks_trace", 32);
  world.kernel.put(trace + 16, std::uint64_t{1204});
  EXPECT_EQ(world.now()->tasks_trace->sequence, 1204u);
}

TEST(GracePeriods, LeaveNoTraceInReadSetsButPageTables) {
  World world;
  world.define();
  ReadSet noted;
  world.kernel.snapshot().record_into(&noted);
  ASSERT_TRUE(world.now());
  world.kernel.snapshot().record_into(nullptr);
  EXPECT_TRUE(world.kernel.snapshot().pages().empty());
}

TEST(GracePeriods, AreNotKnownWhereTheKernelDoesNotTell) {
  World none;
  EXPECT_FALSE(none.now()) << "no such variable";

  World untyped;
  untyped.define();
  untyped.kernel.set_recovered_types(nullptr);
  EXPECT_FALSE(untyped.now());

  World narrow(32);
  narrow.define();
  EXPECT_FALSE(narrow.now());

  World unread;
  unread.define();
  unread.kernel.memory().fail_all({Errc::gone, "QEMU has ended"});
  EXPECT_FALSE(unread.now());
}

TEST(GracePeriods, AreNotKnownWhereTheLayoutIsNone) {
  FakeKernel kernel;
  auto& btf = kernel.btf_writer();
  const auto word = btf.integer("unsigned long", 8);
  btf.struct_(
      "rcu_state", 0x2000,
      {{"gp_seq", btf.array(word, 100), 0}, {"gp_flags", word, 64}, {"expedited_sequence", word, 128}});
  kernel.define_variable("rcu_state", 0x2000);
  EXPECT_FALSE(grace_periods(kernel, kernel.memory()));
}

TEST(WholeGracePeriods, BeginAndEndAfterTheFirstNumber) {
  EXPECT_EQ(whole_grace_periods(400, 400), 0u);
  EXPECT_EQ(whole_grace_periods(400, 401), 0u) << "in progress";
  EXPECT_EQ(whole_grace_periods(400, 404), 1u);
  EXPECT_EQ(whole_grace_periods(400, 406), 1u);
  EXPECT_EQ(whole_grace_periods(400, 408), 2u);
}

TEST(WholeGracePeriods, TheOneInProgressIsNotWhole) {
  EXPECT_EQ(whole_grace_periods(401, 404), 0u);
  EXPECT_EQ(whole_grace_periods(401, 405), 0u);
  EXPECT_EQ(whole_grace_periods(401, 408), 1u);
  EXPECT_EQ(whole_grace_periods(403, 412), 2u);
}

TEST(WholeGracePeriods, CountOverTheWrap) {
  const std::uint64_t before = std::uint64_t{0} - 8;
  EXPECT_EQ(whole_grace_periods(before, 0), 2u);
  EXPECT_EQ(whole_grace_periods(before, 4), 3u);
  EXPECT_EQ(whole_grace_periods(before + 1, 0), 1u);
}

TEST(WholeGracePeriods, AreNoneWhenTheNumberGoesBack) {
  EXPECT_EQ(whole_grace_periods(400, 396), 0u);
  EXPECT_EQ(whole_grace_periods(400, 0), 0u);
}

}  // namespace
}  // namespace ringside::guest::linux
