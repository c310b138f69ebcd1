// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/metrics.h"

#include "agent/daemon/guest_summary.h"
#include "agent/daemon/metric_families.h"
#include "agent/metrics_reference.h"
#include "policies/engine/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace ringside::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAreArray;

/// A family as an answer of /metrics shows it.
struct Told {
  std::string type, help;
  std::set<std::string> labels;
};

std::map<std::string, Told> families_of(const std::string& text) {
  static const std::regex about("# (HELP|TYPE) ([a-z_]+) (.*)"), sample(R"(([a-z_]+)(\{(.*)\})? [0-9.e+-]+)"),
      label("([a-z_]+)=\"");
  std::map<std::string, Told> families;
  std::string last;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, about)) {
      last = match[2];
      (match[1] == "HELP" ? families[last].help : families[last].type) = match[3];
    } else if (std::regex_match(line, match, sample)) {
      EXPECT_THAT(match[1].str(), testing::StartsWith(last)) << "a sample of a family that was not described";
      const std::string labels = match[3];
      for (std::sregex_iterator it(labels.begin(), labels.end(), label), end; it != end; ++it)
        if ((*it)[1] != "le") families[last].labels.insert((*it)[1]);
    } else {
      ADD_FAILURE() << "not understood: " << line;
    }
  }
  return families;
}

/// The answer of an agent to which everything has happened that is counted.
std::string a_full_answer() {
  Metrics metrics;
  metrics.look("web", std::chrono::milliseconds(7));
  metrics.scanned("idt", policies::Verdict::ok);
  metrics.paused("web", std::chrono::microseconds(2100));
  metrics.finding("idt", "gates-unchanged", policies::Severity::critical);
  metrics.action("restore", true);
  metrics.reloaded(false);
  metrics.command("query-status", std::nullopt, std::chrono::microseconds(80));
  GuestSummary guest;
  guest.facts.name = "web";
  guest.scanned["idt"] = Moment{};
  policies::Policy policy;
  policy.name = "idt";
  const std::vector<policies::Policy> policies = {policy};
  OutputDispatcher::Statistics output;
  output.name = "file";
  return metrics.page({{guest},
                       {FindingRecord{}},
                       policies,
                       Ledger::Statistics{},
                       {output},
                       {},
                       {{"process", {4096, {{Errc::gone, 1}}}}}});
}

TEST(Metrics, ALiveAnswerHasTheFamiliesOfTheReferenceAndNoOther) {
  const auto told = families_of(a_full_answer());
  std::vector<std::string> names, described;
  for (const auto& [name, family] : told) names.push_back(name);
  for (const auto& family : metric_families()) described.emplace_back(family.name);
  EXPECT_THAT(names, UnorderedElementsAreArray(described));
  for (const auto& family : metric_families()) {
    const auto found = told.find(std::string(family.name));
    if (found == told.end()) continue;
    EXPECT_EQ(found->second.type, to_string(family.type)) << family.name;
    EXPECT_EQ(found->second.help, family.help) << family.name;
    EXPECT_THAT(found->second.labels, UnorderedElementsAreArray(family.labels)) << family.name;
  }
}

TEST(Metrics, AnAgentThatHasSeenNothingSaysSo) {
  Metrics metrics;
  const std::vector<policies::Policy> none;
  const std::string page = metrics.page({{}, {}, none, Ledger::Statistics{}});
  EXPECT_THAT(page, HasSubstr("ringside_findings_open{severity=\"critical\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("ringside_policy_reloads_total{result=\"bad\"} 0\n"));
}

TEST(Metrics, AreCounted) {
  Metrics metrics;
  metrics.finding("idt", "gates-unchanged", policies::Severity::critical);
  metrics.finding("idt", "gates-unchanged", policies::Severity::critical);
  metrics.look("web", std::chrono::milliseconds(30));
  for (const auto verdict : {policies::Verdict::ok, policies::Verdict::violated, policies::Verdict::unknown,
                             policies::Verdict::not_applicable})
    metrics.scanned("idt", verdict);
  const std::vector<policies::Policy> none;
  const std::string page = metrics.page({{}, {}, none, Ledger::Statistics{}});
  EXPECT_THAT(page, HasSubstr("ringside_scans_total{policy=\"idt\",result=\"finding\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("ringside_scans_total{policy=\"idt\",result=\"ok\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("{check=\"gates-unchanged\",policy=\"idt\",severity=\"critical\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("ringside_look_duration_seconds_bucket{guest=\"web\",le=\"0.025\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("ringside_look_duration_seconds_bucket{guest=\"web\",le=\"0.05\"} 1\n"));
}

TEST(Metrics, TellHowGuestsAreReached) {
  Metrics metrics;
  GuestSummary web, db;
  web.facts.name = "web";
  web.paused_by_agent = true;
  db.facts.name = "db";
  const std::vector<policies::Policy> none;
  const std::string page = metrics.page({{web, db},
                                         {},
                                         none,
                                         Ledger::Statistics{},
                                         {},
                                         {},
                                         {{"mapped", {8192, {}}}, {"process", {4096, {{Errc::gone, 3}}}}},
                                         17});
  EXPECT_THAT(page, HasSubstr("ringside_guest_paused_by_ringside{guest=\"web\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("ringside_guest_paused_by_ringside{guest=\"db\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("ringside_guest_memory_read_bytes_total{backend=\"mapped\"} 8192\n"));
  EXPECT_THAT(page, HasSubstr("ringside_memory_read_errors_total{backend=\"process\",reason=\"gone\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("ringside_gdbstub_packets_total 17\n"));
}

TEST(Metrics, AreNamedAsPrometheusWantsIt) {
  std::size_t place = 0;
  for (const auto& family : metric_families()) {
    EXPECT_EQ(static_cast<std::size_t>(family.metric), place++) << family.name;
    EXPECT_TRUE(family.name.starts_with("ringside_")) << family.name;
    EXPECT_EQ(family.name.ends_with("_total"), family.type == MetricType::counter) << family.name;
    EXPECT_TRUE(family.type != MetricType::histogram || family.name.ends_with("_seconds")) << family.name;
    EXPECT_TRUE(family.help.ends_with('.')) << family.name;
    EXPECT_TRUE(family.labelled.empty() || family.labelled.ends_with('.')) << family.name;
  }
}

TEST(Metrics, TheShippedPageIsUpToDate) {
  std::ifstream file(std::string(RINGSIDE_SOURCE_DIR) + "/docs/metrics.md");
  ASSERT_TRUE(file) << "docs/metrics.md is missing";
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), metrics_markdown()) << "run: ringside agent --metrics-reference > docs/metrics.md";
}

}  // namespace
}  // namespace ringside::agent
