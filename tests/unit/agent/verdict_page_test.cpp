// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/verdict_page.h"

#include "agent/output/wrap.h"
#include "agent/scan/finding_text.h"
#include "tests/unit/agent/results.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <sstream>

namespace ringside::agent {
namespace {

using policies::CheckResult;

std::string page(const std::vector<CheckResult>& results) {
  return render({"vm1: Linux 6.1", results}, Style(false));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(VerdictPage, SaysWhatASubjectCameToAndThenWhatWasFound) {
  const SamplePolicy sample;
  EXPECT_EQ(page({sample.violated({"a"}, 0), sample.ok(1)}),
            "vm1: Linux 6.1\n\n"
            "  VIOLATED  Interrupts: 1 finding\n"
            "\n"
            "Interrupts\n"
            "  critical: A gate differs (idt/gates, T1014)\n"
            "    - gate a changed\n"
            "      vector 14, handler 0xfffffffffffff000; finding a\n"
            "  What to do:  Look.\n"
            "  Harmless if: None.\n"
            "\n"
            "VIOLATED: 1 finding in 1 of 1 subject\n"
            "2 checks: 1 ok, 1 VIOLATED\n");
}

TEST(VerdictPage, GivesAReasonOnceForAllSubjectsThatShareIt) {
  SamplePolicy first, second;
  second.policy.title = "Segments";
  EXPECT_EQ(page({first.unknown("no baseline", 0), first.ok(1), second.unknown("no baseline", 0),
                  second.unknown("no baseline", 1)}),
            "vm1: Linux 6.1\n\n"
            "  unknown   Interrupts (1 of 2 checks)              unknown   Segments\n"
            "              no baseline\n"
            "\n"
            "UNKNOWN: no violation was found, but 2 of 2 subjects could not be checked wholly\n"
            "4 checks: 1 ok, 3 unknown\n");
}

TEST(VerdictPage, NeverCallsAPartlyReadSubjectClean) {
  const SamplePolicy sample;
  auto partly = sample.violated({"a"});
  partly.reasons = {"idt: vCPU 1: not mapped"};
  const std::string text = page({partly, sample.unknown("no baseline", 1)});
  EXPECT_NE(text.find("and not all of it could be checked: idt: vCPU 1: not mapped (and 1 more)"),
            std::string::npos)
      << text;
}

TEST(VerdictPage, OfACleanGuestWithFortySubjectsIsOnePage) {
  std::vector<std::unique_ptr<SamplePolicy>> samples;
  std::vector<CheckResult> results;
  for (int i = 0; i < 40; ++i) {
    auto& sample = *samples.emplace_back(std::make_unique<SamplePolicy>());
    sample.policy.title = "A subject of the kernel, number " + std::to_string(i);
    results.push_back(sample.ok(0));
  }
  const auto lines = lines_of(page(results));
  EXPECT_LE(lines.size(), 25u);
  for (const auto& line : lines) EXPECT_LE(line.size(), kPageWidth);
  EXPECT_EQ(lines[lines.size() - 2], "OK: 40 subjects checked, nothing is wrong");
}

TEST(VerdictPage, StaysWithinItsWidthWhateverIsSaid) {
  SamplePolicy sample;
  sample.policy.remediation = std::string(60, 'x') + " " + std::string(500, 'y') + " z";
  sample.policy.checks[0].title = "words " + std::string(300, 'w');
  auto result = sample.violated({"a"});
  result.violations[0].message = std::string(1000, 'm');
  for (const auto& line : lines_of(page({result, sample.unknown(std::string(400, 'r'), 1)})))
    EXPECT_LE(line.size(), kPageWidth) << line;
}

TEST(VerdictPage, BoundsWhatItPrintsOfOneCheck) {
  const SamplePolicy sample;
  const std::string text = page({sample.violated(std::vector<std::string>(1000, "a"))});
  EXPECT_NE(text.find("... and 980 more"), std::string::npos);
  EXPECT_LE(lines_of(text).size(), 60u);
}

TEST(VerdictPage, DoesNotLetAGuestSteerTheTerminal) {
  const SamplePolicy sample;
  auto result = sample.violated({"a"});
  result.violations[0].message = "\x1b]0;owned\x07";
  result.violations[0].columns.push_back({"comm", policies::ColumnType::text});
  result.violations[0].row.emplace_back("\x1b[2J");
  EXPECT_EQ(page({result, sample.unknown("\x1b[2J", 1)}).find('\x1b'), std::string::npos);
}

TEST(VerdictPage, SaysWhatDoesNotApply) {
  const SamplePolicy sample;
  EXPECT_NE(page({sample.not_applicable(0), sample.not_applicable(1)})
                .find("  n/a       Interrupts\n              the accelerator is tcg\n"),
            std::string::npos);
}

TEST(Evidence, LeavesOutWhatTheMessageSaysAndWhatIsNotKnown) {
  policies::Violation violation;
  violation.message = "gate 14 enters 0xfffffffffffff000";
  violation.columns = {{"vector", policies::ColumnType::integer},
                       {"handler", policies::ColumnType::address},
                       {"dpl", policies::ColumnType::integer},
                       {"module", policies::ColumnType::text},
                       {"present", policies::ColumnType::boolean}};
  violation.row = {std::int64_t{14}, std::int64_t{-4096}, std::int64_t{4}, {}, std::int64_t{1}};
  EXPECT_EQ(evidence_of(violation), "dpl 4, present yes");
}

}  // namespace
}  // namespace ringside::agent
