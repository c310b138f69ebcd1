// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/patch_sites.h"

#include "tests/unit/support/text_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TextWorld;

constexpr Gva at(std::uint64_t offset) {
  return Gva{TextWorld::kText + offset};
}

class PatchSitesOf : public ::testing::Test {
 protected:
  TextWorld world;

  /// "kind offset ok|bad" of each site, in order.
  std::vector<std::string> look() {
    world.finish();
    PatchSites& sites = PatchSites::of(world.kernel);
    problems = sites.problems();
    std::vector<std::string> all;
    for (const PatchSite& site : sites.all())
      all.push_back(std::string(to_string(site.kind)) + " " +
                    hex_address(site.first.value & 0xffff).substr(14) +
                    (sites.look(site).ok ? " ok" : " bad"));
    return all;
  }
  std::vector<Error> problems;
};

TEST_F(PatchSitesOf, JumpLabelsHoldAJumpExactlyWhereTheirKeyAsksForIt) {
  const Gva on = world.number(1), off = world.number(0);
  world.jumps = {{at(0x10), at(0x1000), on},     {at(0x20), at(0x1000), off}, {at(0x30), at(0x1000), on, 1},
                 {at(0x40), at(0x1000), off, 1}, {at(0x50), at(0x1000), on},  {at(0x60), at(0x1000), off}};
  world.branch(at(0x10), 0xe9, at(0x1000));
  world.code(at(0x20), {0x0f, 0x1f, 0x44, 0, 0});
  world.code(at(0x30), {0x0f, 0x1f, 0x44, 0, 0});
  world.branch(at(0x40), 0xe9, at(0x1000));
  world.code(at(0x50), {0x0f, 0x1f, 0x44, 0, 0});  // its key is on
  world.branch(at(0x60), 0xe9, at(0x1000));        // its key is off
  EXPECT_THAT(look(), ElementsAre("jump_label 0010 ok", "jump_label 0020 ok", "jump_label 0030 ok",
                                  "jump_label 0040 ok", "jump_label 0050 bad", "jump_label 0060 bad"));
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(PatchSitesOf, AJumpElsewhereIsNotTheJumpThatWasAskedFor) {
  world.jumps = {{at(0x10), at(0x1000), world.number(1)}};
  world.branch(at(0x10), 0xe9, at(0x1001));
  EXPECT_THAT(look(), ElementsAre("jump_label 0010 bad"));
}

TEST_F(PatchSitesOf, ShortFormsAreTakenOnlyWhereTheTargetIsInReach) {
  const Gva on = world.number(1), off = world.number(0);
  world.jumps = {{at(0x10), at(0x40), on}, {at(0x20), at(0x40), off}, {at(0x30), at(0x4000), off}};
  world.code(at(0x10), {0xeb, 0x2e});
  world.code(at(0x20), {0x66, 0x90});
  world.code(at(0x30), {0x66, 0x90, 0xde, 0xad, 0xbe});
  EXPECT_THAT(look(), ElementsAre("jump_label 0010 ok", "jump_label 0020 ok", "jump_label 0030 bad"));
}

TEST_F(PatchSitesOf, AKeyInTransitionAllowsBoth) {
  const Gva between = world.number(-1);
  world.jumps = {
      {at(0x10), at(0x1000), between}, {at(0x20), at(0x1000), between}, {at(0x30), at(0x1000), between}};
  world.branch(at(0x10), 0xe9, at(0x1000));
  world.code(at(0x20), {0x0f, 0x1f, 0x44, 0, 0});
  EXPECT_THAT(look(), ElementsAre("jump_label 0010 ok", "jump_label 0020 ok", "jump_label 0030 bad"));
}

TEST_F(PatchSitesOf, CodeThatWasFreedHasNoSites) {
  world.jumps = {{Gva{TextWorld::kInitText}, at(0x1000), world.number(1)},
                 {at(0x10), at(0x1000), world.number(1), 2}};
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(PatchSitesOf, StaticCallsGoWhereTheirKeySays) {
  world.kernel.define("__static_call_return0", at(0x3000), 'T');
  const Gva target = world.pointer(at(0x2000).value), none = world.pointer(0),
            zero = world.pointer(at(0x3000).value);
  world.calls = {{at(0x10), target},  {at(0x20), none},      {at(0x30), zero},  {at(0x40), target, 1},
                 {at(0x50), none, 1}, {at(0x60), target, 1}, {at(0x70), target}};
  world.branch(at(0x10), 0xe8, at(0x2000));
  world.code(at(0x20), {0x0f, 0x1f, 0x44, 0, 0});
  world.code(at(0x30), {0x2e, 0x2e, 0x2e, 0x31, 0xc0});
  world.branch(at(0x40), 0xe9, at(0x2000));
  world.code(at(0x50), {0xc3, 0xcc, 0xcc, 0xcc, 0xcc});
  world.code(at(0x60), {0x0f, 0x84});
  world.kernel.put(at(0x62), std::uint32_t{0x2000 - 0x66});
  world.branch(at(0x70), 0xe8, at(0x2abc));  // redirected
  EXPECT_THAT(look(), ElementsAre("static_call 0010 ok", "static_call 0020 ok", "static_call 0030 ok",
                                  "static_call 0040 ok", "static_call 0050 ok", "static_call 0060 ok",
                                  "static_call 0070 bad"));
}

TEST_F(PatchSitesOf, TrampolinesGoWhereTheirKeySaysAndBearTheSignature) {
  for (const auto& [name, offset] : {std::pair("__SCT__one", 0x100), {"__SCT__two", 0x108}}) {
    world.kernel.define(name, at(offset), 'T');
    world.branch(at(offset), 0xe9, at(0x2000));
    world.code(at(offset + 5), {0x0f, 0xb9, 0xcc});
  }
  world.kernel.define("__static_call_text_start", at(0x100), 'T');
  world.kernel.define("__static_call_text_end", at(0x110), 'T');
  world.kernel.define("__SCK__one", world.pointer(at(0x2000).value));
  world.kernel.define("__SCK__two", world.pointer(at(0x2001).value));  // key changed, code not
  EXPECT_THAT(look(), ElementsAre("static_call_trampoline 0100 ok", "static_call_trampoline 0108 bad"));
}

constexpr std::uint64_t kEnabled = 1u << 31, kRegisters = 1u << 29, kTrampoline = 1u << 27,
                        kDisabled = 1u << 25, kDirect = 1u << 23;

TEST_F(PatchSitesOf, FunctionsCallWhatTheirRecordSays) {
  const Gva ops = world.kernel.allocate(24), end = world.kernel.define_variable("ftrace_list_end", 24);
  world.kernel.put(ops, end.value);
  world.kernel.put(ops + 8, at(0x8000).value);
  world.kernel.put(world.kernel.define_variable("ftrace_ops_list", 8), ops.value);
  world.records = {{at(0x10)},
                   {at(0x20), kEnabled},
                   {at(0x30), kEnabled | kRegisters},
                   {at(0x40), kEnabled | kTrampoline},
                   {at(0x50)},
                   {at(0x60), kEnabled | kTrampoline},
                   {at(0x70), kDisabled},
                   {at(0x80), kDisabled}};
  world.code(at(0x10), {0x0f, 0x1f, 0x44, 0, 0});
  world.branch(at(0x20), 0xe8, at(0xf000));
  world.branch(at(0x30), 0xe8, at(0xf100));
  world.branch(at(0x40), 0xe8, at(0x8000));
  world.branch(at(0x50), 0xe8, at(0x8000));  // a call, but its flags say nothing
  world.branch(at(0x60), 0xe8, at(0x8abc));  // nobody's trampoline
  world.code(at(0x70), {0x0f, 0x1f, 0x44, 0, 0});
  world.branch(at(0x80), 0xe8, at(0xf000));  // its record is out of use: nobody calls from there
  EXPECT_THAT(look(), ElementsAre("ftrace 0010 ok", "ftrace 0020 ok", "ftrace 0030 ok", "ftrace 0040 ok",
                                  "ftrace 0050 bad", "ftrace 0060 bad", "ftrace 0070 ok", "ftrace 0080 bad"));
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(PatchSitesOf, ADispatcherJumpsToItsProgramsAndMayBeTraced) {
  const Gva dispatcher = world.kernel.define_variable("bpf_dispatcher_xdp", 24);
  world.kernel.put(dispatcher, at(0x10).value);
  world.kernel.put(dispatcher + 8, at(0x4000).value);
  world.records = {{at(0x10), kEnabled}};
  world.branch(at(0x10), 0xe8, at(0xf000));  // the tracer's call, while there are no programs
  EXPECT_THAT(look(), ElementsAre("bpf_dispatcher 0010 ok"));
}

TEST_F(PatchSitesOf, ADispatcherThatNobodyTracesCallsNobody) {
  const Gva dispatcher = world.kernel.define_variable("bpf_dispatcher_xdp", 24);
  world.kernel.put(dispatcher, at(0x10).value);
  world.kernel.put(dispatcher + 8, at(0x4000).value);
  world.kernel.put(dispatcher + 16, std::uint32_t{1});
  world.records = {{at(0x10)}};
  world.branch(at(0x10), 0xe8, at(0xf000));
  EXPECT_THAT(look(), ElementsAre("bpf_dispatcher 0010 bad"));
}

TEST_F(PatchSitesOf, OfSeveralTrampolinesOnlyThatOfAnOpsThatTracesTheFunctionCounts) {
  const Gva end = world.kernel.define_variable("ftrace_list_end", 24);
  Gva next = end;
  for (const std::uint64_t offset : {0x10, 0x20}) {  // each traces one function
    const Gva ops = world.kernel.allocate(24), hashes = world.kernel.allocate(16),
              hash = world.kernel.allocate(16), bucket = world.kernel.allocate(8),
              entry = world.kernel.allocate(32);
    world.kernel.put(entry + 16, at(offset).value);
    world.kernel.put(bucket, entry.value);
    world.kernel.put(hash + 8, bucket.value);
    world.kernel.put(hashes + 8, hash.value);
    world.kernel.put(ops, next.value);
    world.kernel.put(ops + 8, at(0x8000 + offset).value);
    world.kernel.put(ops + 16, hashes.value);
    next = ops;
  }
  world.kernel.put(world.kernel.define_variable("ftrace_ops_list", 8), next.value);
  world.records = {{at(0x10), kEnabled | kTrampoline}, {at(0x20), kEnabled | kTrampoline}};
  world.branch(at(0x10), 0xe8, at(0x8010));
  world.branch(at(0x20), 0xe8, at(0x8010));  // the other's
  EXPECT_THAT(look(), ElementsAre("ftrace 0010 ok", "ftrace 0020 bad"));
}

TEST_F(PatchSitesOf, DirectCallsGoWhereTheyWereRegisteredTo) {
  const Gva hash = world.kernel.allocate(16), bucket = world.kernel.allocate(8),
            one = world.kernel.allocate(32), two = world.kernel.allocate(32);
  world.kernel.put(hash + 8, bucket.value);
  world.kernel.put(bucket, one.value);
  world.kernel.put(one, two.value);
  world.kernel.put(one + 16, at(0x10).value);
  world.kernel.put(one + 24, at(0x9000).value);
  world.kernel.put(two + 16, at(0x20).value);
  world.kernel.put(two + 24, at(0x9000).value | 1);  // a jump
  world.kernel.put(world.kernel.define_variable("direct_functions", 8), hash.value);
  world.records = {
      {at(0x10), kEnabled | kDirect}, {at(0x20), kEnabled | kDirect}, {at(0x30), kEnabled | kDirect}};
  world.branch(at(0x10), 0xe8, at(0x9000));
  world.branch(at(0x20), 0xe9, at(0x9000));
  world.branch(at(0x30), 0xe8, at(0x9000));  // nobody registered it
  EXPECT_THAT(look(), ElementsAre("ftrace 0010 ok", "ftrace 0020 ok", "ftrace 0030 bad"));
}

TEST_F(PatchSitesOf, ABreakpointIsRightOnlyWhereTheLiveDescriptorNamesIt) {
  for (const std::uint32_t uses : {0u, 1u}) {
    TextWorld fresh;
    fresh.jumps = {{at(0x10), at(0x1000), fresh.number(0)}, {at(0x20), at(0x1000), fresh.number(0)}};
    fresh.code(at(0x10), {0xcc, 0x1f, 0x44, 0, 0});
    fresh.code(at(0x20), {0xcc, 0x1f, 0x44, 0, 0});
    fresh.patching(at(0x10), uses);
    fresh.finish();
    PatchSites& sites = PatchSites::of(fresh.kernel);
    ASSERT_EQ(sites.all().size(), 2u);
    EXPECT_EQ(sites.look(sites.all()[0]).ok, uses != 0);
    EXPECT_FALSE(sites.look(sites.all()[1]).ok);
  }
}

TEST_F(PatchSitesOf, ArmedProbesAreBreakpointsAndDisabledOnesAreNoSites) {
  world.kernel.define("register_kprobe", at(0x7000), 'T');
  const Gva table = world.kernel.define_variable("kprobe_table", 64 * 8);
  Gva next{0};
  for (const auto& [offset, flags] : {std::pair(0x10u, 0u), {0x20u, 2u}, {0x30u, 8u}, {0x40u, 0u}}) {
    const Gva probe = world.kernel.allocate(40);
    world.kernel.put(probe, next.value);
    world.kernel.put(probe + 16, at(offset).value);
    world.kernel.put(probe + 24, flags);
    world.kernel.put(probe + 28, std::uint8_t{0x55});
    next = probe;
  }
  world.kernel.put(table + 8, next.value);
  world.code(at(0x10), {0xcc});
  EXPECT_THAT(look(), ElementsAre("kprobe 0010 ok", "kprobe 0040 bad"));
}

TEST_F(PatchSitesOf, ModulesThatAreLiveHaveSitesAndOthersHaveNone) {
  const Gva base{TextWorld::kModule}, other{TextWorld::kModule + 0x10000};
  const Gva on = world.number(1);
  world.add_module("live", base, {{base + 0x10, base + 0x800, on}});
  world.add_module("coming", other, {{other + 0x10, other + 0x800, on}}, 1);
  world.branch(base + 0x10, 0xe9, base + 0x800);
  EXPECT_THAT(look(), ElementsAre("jump_label 0010 ok"));
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(PatchSitesOf, ATableThatCannotBeIsAProblemAndNoMore) {
  world.finish();
  world.kernel.define("__stop___jump_table", Gva{0x40000000}, 'R');
  world.add_module("liar", Gva{TextWorld::kModule}, {});
  PatchSites& sites = PatchSites::of(world.kernel);
  EXPECT_THAT(sites.all(), IsEmpty());
  EXPECT_THAT(sites.problems(),
              ::testing::Contains(::testing::Field(&Error::message, HasSubstr("jump labels"))));
}

}  // namespace
}  // namespace ringside::guest::linux
