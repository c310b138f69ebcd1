// SPDX-License-Identifier: Apache-2.0
// Tracepoints and static calls on a made-up kernel.
#include "guest/linux/hooks/tracepoints.h"

#include "guest/linux/hooks/static_call_keys.h"
#include "tests/unit/support/trace_world.h"

#include <gmock/gmock.h>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TraceWorld;
using Point = TraceWorld::Point;

TEST(Tracepoints, TellTheirProbesAndWhatTheyAreMadeOf) {
  TraceWorld world;
  const Gva quiet = world.add_tracepoint("sched_fork"), busy = world.add_tracepoint("sched_switch");
  world.set_probes(busy, {world.function("perf_trace_sched_switch"), Gva{TraceWorld::kNobody}});
  world.kernel.put_pointer(busy + Point::regfunc, 0x1001230);
  world.finish();
  const auto all = tracepoints(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(2));
  EXPECT_EQ(all.entries[0].address, quiet);
  EXPECT_EQ(all.entries[0].name, "sched_fork");
  EXPECT_EQ(all.entries[0].enabled, 0);
  EXPECT_THAT(all.entries[0].pointers, SizeIs(1));
  const auto& point = all.entries[1];
  EXPECT_EQ(point.enabled, 1);
  EXPECT_EQ(point.probes, 2u);
  ASSERT_THAT(point.pointers, SizeIs(4));
  EXPECT_EQ(point.pointers[0].slot, "iterator");
  EXPECT_EQ(point.pointers[1].slot, "regfunc");
  EXPECT_EQ(point.pointers[2].slot, "probe");
  EXPECT_EQ(point.pointers[2].priority, 10);
  EXPECT_EQ(point.pointers[3].index, 1u);
  EXPECT_EQ(point.pointers[3].function, Gva{TraceWorld::kNobody});
}

TEST(Tracepoints, ProbesWithoutAnEndAreAProblem) {
  TraceWorld world;
  const Gva point = world.add_tracepoint("sched_switch");
  world.set_probes(point, std::vector<Gva>(2000, Gva{0x1001000}));
  world.finish();
  const auto all = tracepoints(world.kernel).value();
  ASSERT_THAT(all.entries, SizeIs(1));
  EXPECT_EQ(all.entries[0].probes, kMaxProbes);
  EXPECT_THAT(all.problems, ElementsAre(::testing::Field(&Error::code, Errc::out_of_bounds)));
}

TEST(Tracepoints, ATableThatEndsBeforeItBeginsIsNone) {
  TraceWorld world;
  world.kernel.define("__stop___tracepoints_ptrs", Gva{0x100});
  EXPECT_FALSE(tracepoints(world.kernel));
}

TEST(StaticCallKeys, AreThoseThatSitesName) {
  TraceWorld world;
  const Gva point = world.add_tracepoint("sched_switch");
  world.add_tracepoint("sched_fork");
  world.set_probes(point, {world.function("perf_trace_sched_switch")});
  world.finish();
  const auto all = static_call_keys(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(2));
  EXPECT_EQ(all.entries[0].address, world.peek(point + Point::call_key));
  EXPECT_EQ(all.entries[0].function, world.function("perf_trace_sched_switch"));
  EXPECT_EQ(all.entries[1].function, world.function("__traceiter_sched_fork"));
  EXPECT_EQ(all.entries[1].sites, 1u);
}

TEST(StaticCallKeys, AreUnknownWhereNoSitesAreKept) {
  testing::FakeKernel kernel(32);
  EXPECT_THAT(static_call_keys(kernel)->entries, IsEmpty());
  kernel.define("__static_call_update", Gva{0x1000}, 'T');
  const auto all = static_call_keys(kernel);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace ringside::guest::linux
