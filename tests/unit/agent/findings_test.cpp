// SPDX-License-Identifier: Apache-2.0
#include "agent/findings.h"

#include "tests/unit/agent/results.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using Kind = Change::Kind;

Moment at(int second) {
  return Moment(std::chrono::seconds(1'700'000'000 + second));
}

std::vector<Kind> kinds(const std::vector<Change>& changes) {
  std::vector<Kind> all;
  for (const auto& change : changes) all.push_back(change.kind);
  return all;
}

TEST(FindingLog, RaisesAFindingOnceAndResolvesItOnce) {
  const SamplePolicy sample;
  FindingLog log;
  EXPECT_EQ(kinds(log.update({sample.violated({"a"})}, at(0))), std::vector{Kind::opened});
  EXPECT_TRUE(log.update({sample.violated({"a"})}, at(1)).empty());
  const auto changes = log.update({sample.ok()}, at(2));
  ASSERT_EQ(kinds(changes), std::vector{Kind::resolved});
  EXPECT_EQ(changes[0].finding.first_seen, at(0));
  EXPECT_EQ(changes[0].finding.last_seen, at(1));
  EXPECT_TRUE(log.update({sample.ok()}, at(3)).empty());
  EXPECT_EQ(log.opened(), 1u);
}

TEST(FindingLog, RaisesAReturningViolationAgain) {
  const SamplePolicy sample;
  FindingLog log;
  log.update({sample.violated({"a"})}, at(0));
  log.update({sample.ok()}, at(1));
  EXPECT_EQ(kinds(log.update({sample.violated({"a"})}, at(2))), std::vector{Kind::opened});
  EXPECT_EQ(log.open().begin()->second.first_seen, at(2));
}

TEST(FindingLog, TellsViolationsOfOneCheckApart) {
  const SamplePolicy sample;
  FindingLog log;
  log.update({sample.violated({"a", "b"})}, at(0));
  EXPECT_EQ(log.open().size(), 2u);
  EXPECT_EQ(kinds(log.update({sample.violated({"b", "c"})}, at(1))),
            (std::vector{Kind::opened, Kind::resolved}));
}

TEST(FindingLog, KeepsFindingsOpenWhileTheCheckIsUnknown) {
  const SamplePolicy sample;
  FindingLog log;
  log.update({sample.violated({"a"})}, at(0));
  EXPECT_EQ(kinds(log.update({sample.unknown("QEMU has ended")}, at(1))), std::vector{Kind::blind});
  EXPECT_EQ(log.open().size(), 1u);
  EXPECT_TRUE(log.any_unknown());
  EXPECT_EQ(kinds(log.update({sample.ok()}, at(2))), (std::vector{Kind::seen_again, Kind::resolved}));
  EXPECT_FALSE(log.any_unknown());
  EXPECT_TRUE(log.ever_unknown());
}

TEST(FindingLog, KeepsAFindingOpenThatMayStandInTheUnreadPart) {
  const SamplePolicy sample;
  FindingLog log;
  log.update({sample.violated({"a", "b"})}, at(0));
  auto partial = sample.violated({"b"});
  partial.reasons = {"idt: vCPU 1: not mapped"};
  EXPECT_TRUE(log.update({partial}, at(1)).empty());
  EXPECT_EQ(log.open().size(), 2u);
}

TEST(FindingLog, SaysOnceThatACheckIsUnknown) {
  const SamplePolicy sample;
  FindingLog log;
  EXPECT_EQ(log.update({sample.unknown("no baseline")}, at(0)).size(), 1u);
  EXPECT_TRUE(log.update({sample.unknown("no baseline")}, at(1)).empty());
}

TEST(FindingLog, KeepsChecksApart) {
  const SamplePolicy sample;
  FindingLog log;
  log.update({sample.violated({"a"}, 0), sample.violated({"a"}, 1)}, at(0));
  EXPECT_EQ(log.open().size(), 2u);
  const auto changes = log.update({sample.ok(0), sample.violated({"a"}, 1)}, at(1));
  ASSERT_EQ(kinds(changes), std::vector{Kind::resolved});
  EXPECT_EQ(changes[0].finding.check->id, "gates");
}

TEST(ExitOf, RanksViolatedUnknownClean) {
  const SamplePolicy sample;
  EXPECT_EQ(exit_of({sample.ok(0), sample.not_applicable(1)}), Exit::clean);
  EXPECT_EQ(exit_of({sample.ok(0), sample.unknown("x", 1)}), Exit::unchecked);
  EXPECT_EQ(exit_of({sample.violated({"a"}, 0), sample.unknown("x", 1)}), Exit::violations);
}

TEST(FindingJson, CarriesWhatAReceiverNeeds) {
  const SamplePolicy sample;
  const auto result = sample.violated({"f00d"});
  const Json json = to_json(Finding{result.policy, result.check, result.violations[0], at(0), at(1)});
  EXPECT_EQ(
      json.dump(),
      R"({"policy":"idt","policy_title":"Interrupts","policy_version":"1.0.0","check":"gates","title":"A gate differs",)"
      R"("severity":"critical","attack":["T1014"],"fingerprint":"f00d",)"
      R"("message":"gate f00d changed","row":{"vector":14,"handler":"0xfffffffffffff000"},)"
      R"("first_seen":"2023-11-14T22:13:20Z","last_seen":"2023-11-14T22:13:21Z","remediation":"Look.","false_positives":"None."})");
}

}  // namespace
}  // namespace ringside::agent
