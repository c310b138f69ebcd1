// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/evaluator.h"

#include "fake_guest.h"
#include "guest/linux/golden/golden_store.h"

#include <gmock/gmock.h>

#include <set>

namespace ringside::policies::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Policies with one check each, whose form is YAML indented by six.
std::vector<Policy> with_checks(const std::vector<std::string>& forms, const std::string& spec = {}) {
  std::vector<Policy> policies;
  for (const auto& form : forms) {
    const std::string name = "p" + std::to_string(policies.size());
    auto set = load_policy_text(name, "apiVersion: ringside/v1\nkind: Policy\nmetadata: {name: " + name +
                                          ", title: t}\nspec:\n" + spec +
                                          "  checks:\n    - id: c\n      title: the title\n" + form);
    for (const auto& error : set.errors) ADD_FAILURE() << render(error, false);
    for (auto& policy : set.policies) policies.push_back(std::move(policy));
  }
  return policies;
}

class EvaluatorTest : public ::testing::Test {
 protected:
  void load(const std::vector<std::string>& forms, const std::string& spec = {}) {
    policies = with_checks(forms, spec);
    auto created = Evaluator::create(policies);
    ASSERT_TRUE(created) << created.error().message;
    evaluator = std::move(*created);
  }
  void use_baseline() {
    const auto taken = take_baseline(*guest.snapshot());
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_TRUE(evaluator->set_baseline(&*taken));
  }
  CheckResult now() {
    const auto snapshot = guest.snapshot();
    const auto results = evaluator->evaluate(*snapshot);
    EXPECT_THAT(results, SizeIs(1));
    return results.at(0);
  }
  /// How many policies a tick evaluates.
  unsigned tick(std::vector<Verdict>* verdicts = nullptr) {
    const auto snapshot = guest.snapshot();
    unsigned evaluated = 99;
    for (const auto& result : evaluator->tick(*snapshot, guest.memory, &evaluated))
      if (verdicts != nullptr) verdicts->push_back(result.verdict);
    return evaluated;
  }

  FakeGuest guest{2};
  std::vector<Policy> policies;
  std::unique_ptr<Evaluator> evaluator;
};

const std::string kUserGates =
    "      table: idt\n      where: present AND dpl = 3\n      expect: vector IN (3, 4, 128)\n"
    "      message: 'gate {{vector}} of vCPU {{vcpu}} enters {{handler}} (present: {{present}})'\n";
const std::string kWx =
    "      table: page_mappings\n      where: half = 'kernel'\n      expect: NOT (writable AND executable)\n";
const std::string kGatesUnchanged =
    "      unchanged: {table: idt, key: [vcpu, vector], columns: [handler, dpl]}\n"
    "      message: 'gate {{vector}} {{change}}: {{old.handler}} -> {{ handler }}'\n";

TEST_F(EvaluatorTest, ExpectHoldsOrNamesTheRowsThatBreakIt) {
  load({kUserGates});
  EXPECT_EQ(now().verdict, Verdict::ok);
  guest.set_gate(0x80, guest.text(), 3);
  guest.set_gate(0x99, guest.text() + 0x40, 3);
  const auto result = now();
  EXPECT_EQ(result.verdict, Verdict::violated);
  ASSERT_THAT(result.violations, SizeIs(2));  // one a vCPU
  EXPECT_EQ(result.violations[0].message, "gate 153 of vCPU 0 enters 0xffffffff81000040 (present: yes)");
  EXPECT_EQ(result.violations[0].fingerprint.size(), 16u);
}

TEST_F(EvaluatorTest, NullExpectationIsAViolation) {
  load({"      table: idt\n      where: vector = 1\n      expect: nullif(dpl, 0) = 0\n"});
  EXPECT_EQ(now().verdict, Verdict::violated);
}

TEST_F(EvaluatorTest, MessageDefaultsToTheTitle) {
  load({"      table: idt\n      where: vcpu = 0 AND vector = 1\n      expect: dpl = 3\n"});
  EXPECT_EQ(now().violations.at(0).message, "the title");
}

TEST_F(EvaluatorTest, CommentInAPolicyCannotHideTheRestOfTheQuery) {
  load({"      table: idt\n      where: vector = 1 -- all\n      expect: dpl = 3 -- never\n"});
  EXPECT_EQ(now().verdict, Verdict::violated);
}

TEST_F(EvaluatorTest, TableReadInPartIsUnknownNeverOk) {
  load({kUserGates});
  guest.memory.fail_page(guest::Gpa{FakeGuest::kIdtGpa}, {Errc::gone, "QEMU has ended"});
  const auto result = now();
  EXPECT_EQ(result.verdict, Verdict::unknown);
  EXPECT_THAT(result.reasons, ::testing::Each(HasSubstr("idt: vCPU ")));
}

TEST_F(EvaluatorTest, ViolationBesideAnUnreadablePartStillCounts) {
  load({"      table: msrs\n      where: name = 'LSTAR'\n      expect: value = 0\n"});
  guest.cpus[1].msrs.reset();
  const auto result = now();
  EXPECT_EQ(result.verdict, Verdict::violated);
  EXPECT_THAT(result.violations, SizeIs(1));
  EXPECT_THAT(result.reasons, SizeIs(1));
}

TEST_F(EvaluatorTest, QueryThatFailsIsUnknown) {
  load({"      query: SELECT abs(-9223372036854775807 - 1) AS x FROM vcpus\n"});
  const auto result = now();
  EXPECT_EQ(result.verdict, Verdict::unknown);
  EXPECT_THAT(result.reasons, ElementsAre(HasSubstr("integer overflow")));
}

TEST_F(EvaluatorTest, WithoutBaselineIsUnknownAndSaysWhatToDo) {
  load({kGatesUnchanged});
  const auto result = now();
  EXPECT_EQ(result.verdict, Verdict::unknown);
  EXPECT_THAT(result.reasons, ElementsAre("no baseline: run `ringside baseline save`"));
}

TEST_F(EvaluatorTest, QueryThatReadsTheBaselineIsUnknownWithoutOneToo) {
  load({"      query: SELECT * FROM baseline.idt WHERE dpl = 2\n"});
  EXPECT_EQ(now().verdict, Verdict::unknown);
  use_baseline();
  EXPECT_EQ(now().verdict, Verdict::ok);
}

TEST_F(EvaluatorTest, UnchangedFindsChangedNewAndGoneRows) {
  load({kGatesUnchanged});
  use_baseline();
  EXPECT_EQ(now().verdict, Verdict::ok);

  guest.set_gate(14, 0xffffffff81001000);
  auto result = now();
  ASSERT_THAT(result.violations, SizeIs(2));
  EXPECT_EQ(result.violations[0].message, "gate 14 changed: 0xffffffff810001e0 -> 0xffffffff81001000");

  guest.set_gate(14, guest.text() + 0x100 + 14 * 16);
  guest.cpus[0].idt.limit = 255 * 16 - 1;
  result = now();
  ASSERT_THAT(result.violations, SizeIs(1));
  EXPECT_EQ(result.violations[0].message, "gate 255 gone: 0xffffffff810010f0 -> -");

  const auto small = take_baseline(*guest.snapshot());
  ASSERT_TRUE(evaluator->set_baseline(&*small));
  guest.cpus[0].idt.limit = 256 * 16 - 1;
  result = now();
  ASSERT_THAT(result.violations, SizeIs(1));
  EXPECT_EQ(result.violations[0].message, "gate 255 new: - -> 0xffffffff810010f0");
}

TEST_F(EvaluatorTest, AValueThatWasNotReadIsNoChange) {
  load({kGatesUnchanged});
  auto baseline = take_baseline(*guest.snapshot());
  ASSERT_TRUE(baseline) << baseline.error().message;
  StoredTable& gates = baseline->tables.at("idt");
  const auto column = [&](const char* name) {
    return static_cast<std::size_t>(std::find(gates.columns.begin(), gates.columns.end(), name) -
                                    gates.columns.begin());
  };
  const std::size_t handler = column("handler"), dpl = column("dpl");
  ASSERT_LT(std::max(handler, dpl), gates.columns.size());
  gates.rows[0][handler] = std::monostate{};
  ASSERT_TRUE(evaluator->set_baseline(&*baseline));
  EXPECT_EQ(now().verdict, Verdict::violated);  // all was read: it had none

  gates.incomplete = {"a page was away"};
  ASSERT_TRUE(evaluator->set_baseline(&*baseline));
  const auto unread = now();
  EXPECT_EQ(unread.verdict, Verdict::unknown);
  EXPECT_THAT(unread.reasons, ElementsAre(HasSubstr("a page was away")));

  gates.rows[0][dpl] = std::int64_t{7};
  ASSERT_TRUE(evaluator->set_baseline(&*baseline));
  EXPECT_THAT(now().violations, SizeIs(1));
}

TEST_F(EvaluatorTest, RowsThatCouldNotBeReadAreNotGone) {
  load({kGatesUnchanged});
  use_baseline();
  guest.memory.fail_page(guest::Gpa{FakeGuest::kIdtGpa}, {Errc::gone, "QEMU has ended"});
  const auto result = now();
  EXPECT_EQ(result.verdict, Verdict::unknown);
  EXPECT_THAT(result.violations, IsEmpty());
}

TEST_F(EvaluatorTest, RowsThatTheBaselineCouldNotReadAreNotNew) {
  load({kGatesUnchanged});
  guest.memory.fail_page(guest::Gpa{FakeGuest::kIdtGpa}, {Errc::gone, "QEMU has ended"});
  use_baseline();
  guest.memory.heal();
  const auto result = now();
  EXPECT_EQ(result.verdict, Verdict::unknown);
  EXPECT_THAT(result.reasons, ::testing::Contains(HasSubstr("baseline: idt: ")));
}

TEST_F(EvaluatorTest, BaselineOfAnotherVersionIsUnknown) {
  load({kGatesUnchanged});
  auto baseline = take_baseline(*guest.snapshot()).value();
  baseline.tables["idt"].columns[7] = "entry_point";  // instead of `handler`
  ASSERT_TRUE(evaluator->set_baseline(&baseline));
  EXPECT_THAT(now().reasons, ElementsAre(HasSubstr("does not hold column `idt.handler`")));
  baseline.tables.erase("idt");
  ASSERT_TRUE(evaluator->set_baseline(&baseline));
  EXPECT_THAT(now().reasons, ElementsAre(HasSubstr("does not hold table `idt`")));
  EXPECT_EQ(now().verdict, Verdict::unknown);
}

TEST_F(EvaluatorTest, GuestThatBootedAgainIsUnknownNotViolated) {
  load({kGatesUnchanged});
  use_baseline();
  guest.move_kernel(0x1200000);
  const auto result = now();
  EXPECT_EQ(result.verdict, Verdict::unknown);
  EXPECT_THAT(result.violations, IsEmpty());
  EXPECT_THAT(result.reasons, ElementsAre(HasSubstr("has booted since")));
}

TEST_F(EvaluatorTest, OneGateThatMovedByAWholeSlideIsNoBoot) {
  load({kGatesUnchanged});
  use_baseline();
  guest.set_gate(14, guest.text() + 0x100 + 14 * 16 + 0x1200000);
  EXPECT_EQ(now().verdict, Verdict::violated);
}

TEST_F(EvaluatorTest, SelectorThatDoesNotMatchIsNotApplicable) {
  load({kUserGates}, "  guests: {paging: [pae]}\n");
  EXPECT_EQ(now().verdict, Verdict::not_applicable);
  load({kUserGates}, "  guests: {accelerators: kvm}\n");
  EXPECT_EQ(now().verdict, Verdict::not_applicable);
  load({kUserGates}, "  guests: {paging: [4-level], accelerators: [kvm, tcg], nx: true}\n");
  EXPECT_EQ(now().verdict, Verdict::ok);
  guest.cpus[1].efer &= ~x86::efer::kNxe;
  EXPECT_EQ(now().verdict, Verdict::not_applicable);
  guest.unstart(0);
  guest.unstart(1);
  EXPECT_EQ(now().verdict, Verdict::unknown);
}

TEST_F(EvaluatorTest, IdentityFollowsPlaceAndContentToo) {
  load({kUserGates});
  guest.set_gate(0x99, guest.text() + 0x100, 3);
  const auto first = now(), again = now();
  guest.set_gate(0x99, guest.text() + 0x200, 3);
  const auto moved = now();
  ASSERT_FALSE(first.violations.empty());
  EXPECT_EQ(first.violations[0].identity, again.violations.at(0).identity);
  EXPECT_EQ(first.violations[0].fingerprint, moved.violations.at(0).fingerprint);
  EXPECT_NE(first.violations[0].identity, moved.violations.at(0).identity);
  EXPECT_NE(first.violations[0].identity, first.violations.at(1).identity);
}

TEST_F(EvaluatorTest, IdentityLeavesOutWhatChangesAllTheTime) {
  load({"      table: vcpus\n      expect: 'false'\n      message: '{{rip}}'\n"});
  guest.cpus[0].rip = guest.text() + 0x10;
  const auto first = now();
  guest.cpus[0].rip = guest.text() + 0x20;
  const auto second = now();
  ASSERT_FALSE(first.violations.empty());
  EXPECT_NE(first.violations[0].message, second.violations.at(0).message);
  EXPECT_EQ(first.violations[0].identity, second.violations.at(0).identity);
}

TEST_F(EvaluatorTest, FingerprintFollowsTheKeyNotTheValues) {
  load({kGatesUnchanged});
  use_baseline();
  guest.set_gate(14, 0xffffffff81001000);
  const auto first = now();
  guest.set_gate(14, 0xffffffff81002000);
  const auto second = now();
  ASSERT_THAT(first.violations, SizeIs(2));
  EXPECT_EQ(first.violations[0].fingerprint, second.violations.at(0).fingerprint);
  EXPECT_NE(first.violations[0].message, second.violations[0].message);
  EXPECT_NE(first.violations[0].fingerprint, first.violations[1].fingerprint);
}

TEST_F(EvaluatorTest, ManyViolationsAreCutAndItSaysSo) {
  load(
      {"      query: SELECT a.vector, b.vector AS other FROM idt AS a, idt AS b WHERE a.vcpu = 0 AND b.vcpu "
       "= 0\n"});
  const auto result = now();
  EXPECT_EQ(result.verdict, Verdict::violated);
  EXPECT_THAT(result.violations, SizeIs(1000));
  EXPECT_THAT(result.reasons, ElementsAre(HasSubstr("more than 1000 rows")));
}

TEST_F(EvaluatorTest, QuietGuestIsEvaluatedOnce) {
  load({kUserGates, kGatesUnchanged, "      table: vcpus\n      expect: wp\n", kWx});
  use_baseline();
  EXPECT_EQ(tick(), 4u);
  EXPECT_EQ(tick(), 0u);
  // What runs in the guest changes all the time.
  guest.cpus[0].rip += 16;
  guest.cpus[0].gpr[x86::rax] = 7;
  guest.cpus[1].halted = !guest.cpus[1].halted;
  guest.cpus[0].cr4 ^= x86::cr4::kPge;
  guest.cpus[0].msrs->kernel_gs_base = 5;
  EXPECT_EQ(tick(), 0u);
}

TEST_F(EvaluatorTest, VerdictStandsUnderARootWithTheSameKernelHalfOnly) {
  load({kUserGates, kWx});
  tick();
  const std::uint64_t other = guest.new_root();
  guest.cpus[0].cr3 = other;
  EXPECT_EQ(tick(), 0u);
  guest.cpus[1].cr3 = other;
  EXPECT_EQ(tick(), 0u);
  // A process whose kernel half holds more than the others'.
  const std::uint64_t odd = guest.new_root();
  guest.map(odd, 0xffff900000000000, 0x700000, FakeGuest::kWritable);
  guest.cpus[1].cr3 = odd;
  std::vector<Verdict> verdicts;
  EXPECT_EQ(tick(&verdicts), 1u);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::ok, Verdict::violated));
}

TEST_F(EvaluatorTest, TickEvaluatesWhatDependsOnAChangeOnly) {
  load({kUserGates, "      table: vcpus\n      expect: wp\n"});
  tick();
  guest.set_gate(0x99, guest.text(), 3);
  std::vector<Verdict> verdicts;
  EXPECT_EQ(tick(&verdicts), 1u);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::violated, Verdict::ok));
  verdicts.clear();
  EXPECT_EQ(tick(&verdicts), 0u);  // still violated, and still said so
  EXPECT_THAT(verdicts, ElementsAre(Verdict::violated, Verdict::ok));
  guest.cpus[0].cr0 &= ~x86::cr0::kWp;
  verdicts.clear();
  EXPECT_EQ(tick(&verdicts), 2u);  // the rights in the page walk depend on CR0 too
  EXPECT_THAT(verdicts, ElementsAre(Verdict::violated, Verdict::violated));
}

/// Vendors' files, none of which fits.
class OtherFiles : public guest::linux::GoldenStore {
 public:
  Result<std::shared_ptr<const guest::linux::GoldenKernel>> kernel(
      const guest::linux::GoldenKernelKey&) override {
    return fail(Errc::not_found, "no such kernel");
  }
  Result<std::shared_ptr<const guest::linux::GoldenModule>> module(
      const guest::linux::GoldenModuleKey&) override {
    return fail(Errc::not_found, "no such module");
  }
  std::uint64_t revision() override { return number; }
  std::uint64_t number = 1;
};

TEST_F(EvaluatorTest, WhatIsImportedIsUsedAtTheNextTick) {
  load({kUserGates, kWx});
  const auto files = std::make_shared<OtherFiles>();
  const auto tick_with_files = [&] {
    const auto snapshot = guest.snapshot();
    snapshot->keep<guest::linux::GoldenStore>(files);
    unsigned evaluated = 99;
    evaluator->tick(*snapshot, guest.memory, &evaluated);
    return evaluated;
  };
  EXPECT_EQ(tick_with_files(), 2u);
  EXPECT_EQ(tick_with_files(), 0u);
  ++files->number;
  EXPECT_EQ(tick_with_files(), 2u);
  EXPECT_EQ(tick_with_files(), 0u);
}

TEST_F(EvaluatorTest, WhatChangesAllTheTimeSoonCostsOnlyTheChecksThatLookAtIt) {
  load({kUserGates + "    - id: d\n      title: other\n" + kWx});
  guest.set_gate(0x99, guest.text(), 0);
  tick();
  auto changed_gate = [&, at = guest.text()](std::vector<Verdict>* verdicts) mutable {
    guest.set_gate(0x99, at = at + 16, 0);
    guest.memory.reset_counters();
    EXPECT_EQ(tick(verdicts), 1u);
    return guest.memory.bytes();
  };
  const auto at_first = changed_gate(nullptr);
  for (int i = 0; i < 5; ++i) changed_gate(nullptr);
  std::vector<Verdict> verdicts;
  // The page tables are compared, and no longer read for an evaluation too.
  EXPECT_LT(changed_gate(&verdicts), at_first);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::ok, Verdict::ok));
  EXPECT_EQ(tick(), 0u);
  guest.set_gate(0x99, guest.text(), 3);
  verdicts.clear();
  EXPECT_EQ(tick(&verdicts), 1u);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::violated, Verdict::ok));
}

/// A policy of two checks, of which some are evaluated on their own between two ticks.
class SingleChecksTest : public EvaluatorTest {
 protected:
  void SetUp() override {
    load({kUserGates + "    - id: d\n      title: other\n" + kWx});
    gates = &policies.at(0).checks.at(0);
    pages = &policies.at(0).checks.at(1);
  }
  std::vector<CheckResult> alone(const std::set<const Check*>& checks) {
    const auto snapshot = guest.snapshot();
    return evaluator->evaluate(checks, *snapshot);
  }
  void open_gate() { guest.set_gate(0x99, guest.text(), 3); }
  void close_gate() { guest.set_gate(0x99, guest.text(), 0); }

  const Check *gates = nullptr, *pages = nullptr;
};

TEST_F(SingleChecksTest, OnlyWhatIsAskedForIsAnswered) {
  open_gate();
  const auto results = alone({gates});
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].check, gates);
  EXPECT_EQ(results[0].verdict, Verdict::violated);
  EXPECT_THAT(alone({pages, gates}), SizeIs(2));
  EXPECT_THAT(alone({}), IsEmpty());
}

TEST_F(SingleChecksTest, TheFirstTickEvaluatesAllTheSame) {
  open_gate();
  alone({gates});
  std::vector<Verdict> verdicts;
  EXPECT_EQ(tick(&verdicts), 1u);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::violated, Verdict::ok));
}

TEST_F(SingleChecksTest, QuietGuestIsNotEvaluatedAgainAfterOne) {
  tick();
  alone({gates});
  std::vector<Verdict> verdicts;
  EXPECT_EQ(tick(&verdicts), 0u);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::ok, Verdict::ok));
}

TEST_F(SingleChecksTest, NoTickGivesAnOlderVerdict) {
  close_gate();
  tick();
  open_gate();
  EXPECT_EQ(alone({gates}).at(0).verdict, Verdict::violated);
  std::vector<Verdict> verdicts;
  tick(&verdicts);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::violated, Verdict::ok));
}

TEST_F(SingleChecksTest, WhatHoldsAgainWhatItHeldAtTheTickBeforeIsSeen) {
  close_gate();
  tick();
  open_gate();
  EXPECT_EQ(alone({gates}).at(0).verdict, Verdict::violated);
  close_gate();
  std::vector<Verdict> verdicts;
  EXPECT_EQ(tick(&verdicts), 1u);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::ok, Verdict::ok));
  EXPECT_EQ(tick(), 0u);
}

TEST_F(SingleChecksTest, AViolationThatComesBackIsSeen) {
  open_gate();
  tick();
  close_gate();
  EXPECT_EQ(alone({gates}).at(0).verdict, Verdict::ok);
  open_gate();
  std::vector<Verdict> verdicts;
  tick(&verdicts);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::violated, Verdict::ok));
}

TEST_F(SingleChecksTest, WhatTheOthersWereComputedFromIsStillWatched) {
  tick();
  alone({gates});
  guest.map(guest.cpus[0].cr3, 0xffff900000000000, 0x700000, FakeGuest::kWritable);
  std::vector<Verdict> verdicts;
  tick(&verdicts);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::ok, Verdict::violated));
}

TEST_F(SingleChecksTest, EvaluatedTogetherAgainTheyAreComparedInOneCall) {
  close_gate();
  tick();
  alone({gates});
  open_gate();
  tick();
  guest.memory.reset_counters();
  EXPECT_EQ(tick(), 0u);
  EXPECT_EQ(guest.memory.calls(), 1u);
}

TEST_F(SingleChecksTest, ASplitPolicyStaysSplit) {
  tick();
  auto changed_gate = [&, at = guest.text()]() mutable {
    guest.set_gate(0x99, at = at + 16, 0);
    guest.memory.reset_counters();
    EXPECT_EQ(tick(), 1u);
    return guest.memory.bytes();
  };
  for (int i = 0; i < 6; ++i) changed_gate();
  const auto split = changed_gate();
  alone({gates});
  EXPECT_EQ(tick(), 0u);
  EXPECT_EQ(changed_gate(), split);
}

TEST_F(SingleChecksTest, NewBaselineCountsForThemToo) {
  load({kUserGates + "    - id: d\n      title: other\n" + kGatesUnchanged});
  tick();
  EXPECT_EQ(alone({&policies.at(0).checks.at(1)}).at(0).verdict, Verdict::unknown);
  use_baseline();
  std::vector<Verdict> verdicts;
  tick(&verdicts);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::ok, Verdict::ok));
}

TEST_F(EvaluatorTest, UnreadableMemoryIsTriedAgainAtEveryTick) {
  load({kUserGates});
  guest.memory.fail_page(guest::Gpa{FakeGuest::kIdtGpa}, {Errc::gone, "QEMU has ended"});
  std::vector<Verdict> verdicts;
  EXPECT_EQ(tick(&verdicts), 1u);
  EXPECT_EQ(tick(&verdicts), 1u);
  guest.memory.heal();
  EXPECT_EQ(tick(&verdicts), 1u);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::unknown, Verdict::unknown, Verdict::ok));
}

TEST_F(EvaluatorTest, NewBaselineIsUsedAtTheNextTick) {
  load({kGatesUnchanged});
  std::vector<Verdict> verdicts;
  tick(&verdicts);
  use_baseline();
  EXPECT_EQ(tick(&verdicts), 1u);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::unknown, Verdict::ok));
}

TEST_F(EvaluatorTest, WhatQemuSaysIsNeverReused) {
  load({"      table: guest\n      expect: status = 'running'\n"});
  tick();
  guest.info.status = "paused";
  std::vector<Verdict> verdicts;
  EXPECT_EQ(tick(&verdicts), 1u);
  EXPECT_THAT(verdicts, ElementsAre(Verdict::violated));
}

TEST_F(EvaluatorTest, QuietTickReadsFewBytesInOneCallAPolicy) {
  load({kUserGates});
  tick();
  guest.memory.reset_counters();
  EXPECT_EQ(tick(), 0u);
  EXPECT_EQ(guest.memory.calls(), 1u);
  EXPECT_LT(guest.memory.bytes(), 4u * guest::kPageSize);
}

}  // namespace
}  // namespace ringside::policies::testing
