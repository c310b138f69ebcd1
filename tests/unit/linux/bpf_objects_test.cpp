// SPDX-License-Identifier: Apache-2.0
// Programs, maps and links of BPF on a made-up kernel.
#include "guest/linux/hooks/bpf_links.h"
#include "guest/linux/hooks/bpf_maps.h"
#include "guest/linux/hooks/bpf_programs.h"
#include "tests/unit/support/trace_world.h"

#include <gmock/gmock.h>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TraceWorld;
using Age = TraceWorld::Age;
using Program = TraceWorld::Program;
using State = BpfProgramState;

class BpfPrograms : public ::testing::TestWithParam<Age> {
 protected:
  TraceWorld world{GetParam()};
  Listing<BpfProgram> look(bool helpers = false) {
    auto all = bpf_programs(world.kernel, helpers);
    EXPECT_TRUE(all) << all.error().message;
    return all ? *all : Listing<BpfProgram>{};
  }
  State state_of(Gva program) {
    for (const auto& one : look().entries)
      if (one.address == program) return one.state;
    ADD_FAILURE() << "no such program";
    return {};
  }
};

TEST_P(BpfPrograms, TellWhatTheyAreAndWhoLoadedThem) {
  world.add_program(3, 2, "watch");
  const auto all = look();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(1));
  const auto& program = all.entries[0];
  EXPECT_EQ(program.state, State::listed);
  EXPECT_TRUE(program.listed && program.allocated && program.jited);
  EXPECT_EQ(program.id, 3u);
  EXPECT_EQ(program.type, "kprobe");
  EXPECT_EQ(program.name, "watch");
  EXPECT_EQ(program.uid, 1000u);
  EXPECT_EQ(program.load_time, 5'000'000'000u);
  EXPECT_EQ(program.helpers, std::nullopt);
}

TEST_P(BpfPrograms, OneThatIsInUseAndNotListedIsHidden) {
  world.add_program(3, 2, "watch");
  const Gva hidden = world.make_program(4, 2, "hidden");
  EXPECT_EQ(state_of(hidden), State::hidden);
}

TEST_P(BpfPrograms, TakingItsIdAsWellDoesNotHideIt) {
  const Gva hidden = world.make_program(0, 2, "hidden");
  EXPECT_EQ(state_of(hidden), State::hidden);
}

TEST_P(BpfPrograms, NorDoesTheTypeOfClassicOnes) {
  const Gva hidden = world.make_program(0, 0, "hidden");
  EXPECT_EQ(state_of(hidden), State::hidden);
}

TEST_P(BpfPrograms, ClassicOnesAreListedNowhere) {
  EXPECT_EQ(state_of(world.make_program(0, 0, "")), State::classic);
}

TEST_P(BpfPrograms, OneBeingLoadedOrFreedIsNotHidden) {
  const Gva loading = world.make_program(0, 2, "new"), freed = world.make_program(0, 2, "old");
  world.kernel.put(loading + Program::jited, std::uint32_t{0});
  world.kernel.put(world.aux_of(freed) + Program::references, std::uint64_t{0});
  EXPECT_EQ(state_of(loading), State::loading);
  EXPECT_EQ(state_of(freed), State::freed);
}

TEST_P(BpfPrograms, FunctionsOfAListedProgramBelongToIt) {
  const Gva program = world.add_program(3, 2, "watch"), function = world.make_program(0, 2, "part");
  world.set_functions(program, {program, function});
  EXPECT_EQ(state_of(function), State::subprogram);
  EXPECT_EQ(state_of(program), State::listed);
}

TEST_P(BpfPrograms, TellTheHelpersThatTheyCall) {
  const Gva program = world.add_program(3, 2, "writer"), lookup = world.function("bpf_map_lookup_elem"),
            write = world.function("bpf_probe_write_user");
  world.set_calls(program, {lookup, write, lookup});
  EXPECT_EQ(look(true).entries.at(0).helpers,
            (std::vector{std::min(lookup, write), std::max(lookup, write)}));
}

TEST_P(BpfPrograms, OneThatClaimsTooManyInstructionsIsAProblem) {
  const Gva program = world.add_program(3, 2, "long");
  world.kernel.put(program + Program::length, std::uint32_t{0xffffffff});
  const auto all = look(true);
  EXPECT_THAT(all.problems, ElementsAre(::testing::Field(&Error::code, Errc::out_of_bounds)));
  EXPECT_THAT(all.entries, SizeIs(1));
}

TEST_P(BpfPrograms, AreasOfOtherCallersAreNone) {
  world.allocate_area(world.allocate_page(), world.function("do_sys_open"));
  EXPECT_THAT(look().entries, IsEmpty());
}

TEST_P(BpfPrograms, OneWhoseConstantsAreHiddenIsACopyOfIt) {
  const Gva copy = world.make_program(0, 2, "hardened", "bpf_jit_blind_constants");
  ASSERT_THAT(look().entries, SizeIs(1));
  EXPECT_EQ(look().entries[0].address, copy);
}

INSTANTIATE_TEST_SUITE_P(Kernels, BpfPrograms, ::testing::Values(Age::older, Age::newer),
                         [](const auto& test) { return test.param == Age::older ? "older" : "newer"; });

TEST(BpfMaps, AreThoseOfTheirIdr) {
  TraceWorld world;
  world.add_map(7, "counts", world.function("htab_map_ops"));
  const auto all = bpf_maps(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(1));
  EXPECT_EQ(all.entries[0].id, 7u);
  EXPECT_EQ(all.entries[0].type, "hash");
  EXPECT_EQ(all.entries[0].name, "counts");
  EXPECT_EQ(all.entries[0].operations, world.function("htab_map_ops"));
}

TEST(BpfLinks, TellProgramAndTracepoint) {
  TraceWorld world;
  const Gva point = world.add_tracepoint("sched_switch"), program = world.add_program(3, 2, "watch");
  world.finish();
  world.add_link(5, program, point, world.function("bpf_raw_tp_link_lops"));
  const auto all = bpf_links(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(1));
  EXPECT_EQ(all.entries[0].type, "raw_tracepoint");
  EXPECT_EQ(all.entries[0].program, program);
  EXPECT_EQ(all.entries[0].program_id, 3u);
  EXPECT_EQ(all.entries[0].target, "sched_switch");
}

}  // namespace
}  // namespace ringside::guest::linux
