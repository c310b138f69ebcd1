// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/ftrace_ops.h"

#include "guest/linux/hooks/fprobes.h"
#include "tests/unit/support/trace_world.h"

#include <gmock/gmock.h>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TraceWorld;
using Ops = TraceWorld::Ops;

TEST(FtraceOps, AreThoseOfTheListAndTheVariables) {
  TraceWorld world;
  const Gva ops = world.add_ops(world.function("function_trace_call"), 0x60005);
  world.set_filter(ops, world.make_hash({{0x1001000, 0}, {0x1002000, 0}, {0x1002010, 0}}));
  world.set_filter(ops, world.make_hash({{0x1003000, 0}}), true);
  const auto all = ftrace_handlers(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(2));
  const auto& handler = all.entries[0];
  EXPECT_EQ(handler.ops, ops);
  EXPECT_EQ(handler.slot, "func");
  EXPECT_EQ(handler.function, world.function("function_trace_call"));
  EXPECT_EQ(handler.filtered, 3u);
  EXPECT_EQ(handler.excluded, 1u);
  EXPECT_EQ(ftrace_flag_names(*handler.flags), "ENABLED|SAVE_REGS|DIRECT|SUBOP");
  EXPECT_EQ(all.entries[1].slot, "ftrace_trace_function");
  EXPECT_EQ(all.entries[1].function, world.function("ftrace_stub"));
}

TEST(FtraceOps, TellWhatStandsBehindAFilterByPid) {
  TraceWorld world;
  const Gva ops = world.add_ops(world.function("function_trace_call"));
  world.kernel.put_pointer(ops + Ops::func, world.function("ftrace_stub").value);
  const auto all = ftrace_handlers(world.kernel).value();
  ASSERT_THAT(all.entries, SizeIs(3));
  EXPECT_EQ(all.entries[1].slot, "saved_func");
  EXPECT_EQ(all.entries[1].function, world.function("function_trace_call"));
}

TEST(FtraceOps, ALoopOrATornListIsAProblemAndWhatCameBeforeIsKept) {
  {
    TraceWorld world;
    const Gva first = world.add_ops(Gva{0x1001000}), second = world.add_ops(Gva{0x1001000});
    world.kernel.put_pointer(second + Ops::next, first.value);
    const auto all = ftrace_handlers(world.kernel).value();
    EXPECT_THAT(all.entries, SizeIs(3));
    EXPECT_THAT(all.problems, ElementsAre(::testing::Field(&Error::code, Errc::malformed)));
  }
  TraceWorld world;
  const Gva only = world.add_ops(Gva{0x1001000});
  world.kernel.put_pointer(only + Ops::next, 0x7fff00000000);
  const auto all = ftrace_handlers(world.kernel).value();
  EXPECT_THAT(all.entries, SizeIs(2));
  EXPECT_THAT(all.problems, SizeIs(1));
}

TEST(FtraceOps, AreNoneOnAKernelWithoutTheTracer) {
  testing::FakeKernel kernel;
  EXPECT_THAT(ftrace_handlers(kernel)->entries, IsEmpty());
  EXPECT_THAT(ftrace_handlers(kernel)->problems, IsEmpty());
}

TEST(FtraceOps, AreUnknownWhereTheKernelDoesNotTellWhereTheyStand) {
  testing::FakeKernel kernel(32);
  kernel.define("register_ftrace_function", Gva{0x1000}, 'T');
  const auto all = ftrace_handlers(kernel);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, Errc::unavailable);
  EXPECT_THAT(all.error().message, HasSubstr("ftrace_ops_list"));
}

TEST(FtraceFilters, AreTheFunctionsOfEachHash) {
  TraceWorld world;
  const Gva ops = world.add_ops(Gva{0x1001000});
  world.set_filter(ops, world.make_hash({{0x1001000, 0}, {0x1002010, 0}}));
  const auto all = ftrace_filters(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(2));
  EXPECT_EQ(all.entries[0].function.value ^ all.entries[1].function.value, 0x1001000 ^ 0x1002010);
  EXPECT_FALSE(all.entries[0].excluded);
}

TEST(FtraceFilters, AHashThatClaimsTooManyChainsIsAProblem) {
  TraceWorld world;
  const Gva ops = world.add_ops(Gva{0x1001000}), hash = world.make_hash({{0x1001000, 0}});
  world.kernel.put(hash, std::uint64_t{40});
  world.set_filter(ops, hash);
  const auto all = ftrace_filters(world.kernel).value();
  EXPECT_THAT(all.entries, IsEmpty());
  EXPECT_THAT(all.problems, ElementsAre(::testing::Field(&Error::code, Errc::out_of_bounds)));
}

TEST(FtraceDirectCalls, AreThoseOfTheirHash) {
  TraceWorld world;
  world.set_direct(world.make_hash({{0x1001000, 0xffffffffc0200001}}));
  const auto all = ftrace_direct_calls(world.kernel).value();
  ASSERT_THAT(all.entries, SizeIs(1));
  EXPECT_EQ(all.entries[0].site, Gva{0x1001000});
  EXPECT_EQ(all.entries[0].function, Gva{0xffffffffc0200000});
  EXPECT_TRUE(all.entries[0].jump);
}

TEST(Fprobes, StandAroundTheirOps) {
  TraceWorld world;
  const Gva ops = world.add_ops(world.function("fprobe_handler"));
  world.kernel.put_pointer(ops + TraceWorld::Fprobe::exit, 0x1001230);
  world.add_ops(world.function("function_trace_call"));
  const auto all = fprobe_handlers(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(1));
  EXPECT_EQ(all.entries[0].probe, ops);
  EXPECT_EQ(all.entries[0].slot, "exit_handler");
  EXPECT_EQ(all.entries[0].function, Gva{0x1001230});
}

}  // namespace
}  // namespace ringside::guest::linux
