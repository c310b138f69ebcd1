// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/report.h"
#include "agent/scan/watch_reporter.h"
#include "tests/unit/agent/results.h"

#include <gtest/gtest.h>

#include <sstream>

namespace ringside::agent {
namespace {

Moment at(int second) {
  return Moment(std::chrono::seconds(1'700'000'000 + second));
}

TEST(ScanJson, IsOneDocumentWithSummaryAndExitCode) {
  const SamplePolicy sample;
  const Json json = scan_json({}, {sample.violated({"a"}, 0), sample.unknown("no baseline", 1)}, at(0));
  EXPECT_EQ(json["summary"].dump(), R"({"checks":2,"ok":0,"violated":1,"unknown":1,"not_applicable":0})");
  EXPECT_EQ(json["exit"], 3);
  EXPECT_EQ(json["checks"][0]["verdict"], "violated");
  EXPECT_EQ(json["checks"][0]["findings"].size(), 1u);
  EXPECT_EQ(json["checks"][1]["reasons"][0], "no baseline");
  ASSERT_EQ(json["policies"].size(), 1u);
  EXPECT_EQ(json["policies"][0]["policy_title"], "Interrupts");
  EXPECT_EQ(json["policies"][0]["verdict"], "violated");
  EXPECT_EQ(json["policies"][0]["remediation"], "Look.");
  EXPECT_EQ(json["policies"][0]["false_positives"], "None.");
}

TEST(WatchReporter, PrintsALineAChange) {
  const SamplePolicy sample;
  std::ostringstream out;
  WatchReporter reporter(out, false, Style(false));
  FindingLog log;
  reporter.changes(log.update({sample.violated({"a"})}, at(0)), at(0));
  reporter.changes(log.update({sample.violated({"a"})}, at(1)), at(1));
  reporter.changes(log.update({sample.ok()}, at(2)), at(2));
  EXPECT_EQ(out.str(),
            "2023-11-14T22:13:20Z FINDING idt/gates (critical): gate a changed\n"
            "2023-11-14T22:13:22Z resolved idt/gates after 2 s: gate a changed\n");
}

TEST(WatchReporter, SaysOnceWhyManyChecksAreUnknown) {
  const SamplePolicy sample;
  std::ostringstream out;
  WatchReporter reporter(out, false, Style(false));
  FindingLog log;
  reporter.changes(log.update({sample.unknown("booting", 0), sample.unknown("booting", 1)}, at(0)), at(0));
  reporter.changes(log.update({sample.ok(0), sample.ok(1)}, at(1)), at(1));
  EXPECT_EQ(out.str(),
            "2023-11-14T22:13:20Z unknown 2 checks: booting\n"
            "2023-11-14T22:13:21Z known 2 checks can be evaluated again\n");
}

TEST(WatchReporter, PrintsJsonOneObjectALine) {
  const SamplePolicy sample;
  std::ostringstream out;
  WatchReporter reporter(out, true, Style(true));
  FindingLog log;
  reporter.changes(log.update({sample.violated({"a"}, 0), sample.unknown("why", 1)}, at(0)), at(0));
  reporter.guest("gone", "QEMU has ended", at(1));
  reporter.ended("the guest ended", 1, log, {}, 0, Exit::violations, at(1));
  std::istringstream lines(out.str());
  std::vector<std::string> events;
  for (std::string line; std::getline(lines, line);) events.push_back(Json::parse(line)["event"]);
  EXPECT_EQ(events, (std::vector<std::string>{"opened", "unknown", "guest", "ended"}));
}

}  // namespace
}  // namespace ringside::agent
