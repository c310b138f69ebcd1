// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/report.h"

#include "agent/output/format.h"
#include "agent/scan/subjects.h"
#include "agent/verbs/support.h"

#include <fmt/format.h>

namespace ringside::agent {

using policies::CheckResult;
using policies::Verdict;

Tally Tally::of(const std::vector<CheckResult>& results) {
  Tally tally;
  for (const auto& result : results) {
    tally.ok += result.verdict == Verdict::ok ? 1 : 0;
    tally.violated += result.verdict == Verdict::violated ? 1 : 0;
    tally.unknown += result.verdict == Verdict::unknown ? 1 : 0;
    tally.not_applicable += result.verdict == Verdict::not_applicable ? 1 : 0;
  }
  return tally;
}

std::string summary(const Tally& tally, const Style& style) {
  std::string out = fmt::format("{}: {} ok", counted(tally.all(), "check"), tally.ok);
  if (tally.violated > 0) out += ", " + style.red(fmt::format("{} VIOLATED", tally.violated));
  if (tally.unknown > 0) out += ", " + style.yellow(fmt::format("{} unknown", tally.unknown));
  if (tally.not_applicable > 0) out += fmt::format(", {} not applicable", tally.not_applicable);
  return out;
}

Json to_json(const Tally& tally) {
  return {{"checks", tally.all()},
          {"ok", tally.ok},
          {"violated", tally.violated},
          {"unknown", tally.unknown},
          {"not_applicable", tally.not_applicable}};
}

Json scan_json(const guest::GuestInfo& info, const std::vector<CheckResult>& results, Moment now) {
  Json checks = Json::array();
  for (const auto& result : results) {
    Json findings = Json::array();
    for (const auto& violation : result.violations)
      findings.push_back(to_json(Finding{result.policy, result.check, violation, now, now}));
    checks.push_back({{"policy", result.policy->name},
                      {"check", result.check->id},
                      {"title", result.check->title},
                      {"severity", to_string(result.check->severity)},
                      {"verdict", to_string(result.verdict)},
                      {"reasons", result.reasons},
                      {"findings", std::move(findings)}});
  }
  Json policies = Json::array();
  for (const auto& subject : subjects_of(results))
    policies.push_back({{"policy", subject.policy->name},
                        {"policy_title", subject.policy->title},
                        {"policy_version", subject.policy->version},
                        {"verdict", to_string(subject.verdict())},
                        {"checks", subject.checks.size()},
                        {"findings", subject.findings()},
                        {"reasons", subject.reasons()},
                        {"remediation", subject.policy->remediation},
                        {"false_positives", subject.policy->false_positives}});
  return {{"guest", guest_json(info)},
          {"policies", std::move(policies)},
          {"checks", std::move(checks)},
          {"summary", to_json(Tally::of(results))},
          {"exit", static_cast<int>(exit_of(results))}};
}

}  // namespace ringside::agent
