// SPDX-License-Identifier: Apache-2.0
#include "agent/findings.h"

#include "agent/output/format.h"

#include <set>

namespace ringside::agent {

using policies::CheckResult;
using policies::Verdict;

namespace {

std::string check_key(const CheckResult& result) {
  return result.policy->name + '/' + result.check->id;
}

std::string finding_key(const CheckResult& result, const policies::Violation& violation) {
  return check_key(result) + '/' + violation.fingerprint;
}

}  // namespace

bool FindingLog::is_open(const CheckResult& result, const policies::Violation& violation) const {
  return open_.contains(finding_key(result, violation));
}

std::vector<Change> FindingLog::update(const std::vector<CheckResult>& results, Moment now) {
  std::vector<Change> changes;
  for (const CheckResult& result : results) {
    const std::string check = check_key(result);
    const Finding blank{result.policy, result.check, {}, now, now};
    // Unknown, or violated with a part of the table unread: what is not reported may still be there.
    const bool partial = result.verdict == Verdict::unknown || !result.reasons.empty();
    if (result.verdict == Verdict::unknown) {
      ever_unknown_ = true;
      const auto [known, fresh] = blind_.try_emplace(check, result.reasons);
      if (fresh) changes.push_back({Change::Kind::blind, blank, result.reasons});
      known->second = result.reasons;
    } else if (blind_.erase(check) > 0) {
      changes.push_back({Change::Kind::seen_again, blank, {}});
    }
    std::set<std::string> present;
    for (const auto& violation : result.violations) {
      const std::string key = finding_key(result, violation);
      if (!present.insert(key).second) continue;
      const auto [known, fresh] =
          open_.try_emplace(key, Finding{result.policy, result.check, violation, now, now});
      known->second.last_seen = now;
      known->second.violation = violation;
      if (!fresh) continue;
      ++opened_;
      changes.push_back({Change::Kind::opened, known->second, {}});
    }
    if (partial && result.verdict != Verdict::not_applicable) continue;
    const std::string prefix = check + '/';
    for (auto it = open_.lower_bound(prefix); it != open_.end() && it->first.starts_with(prefix);) {
      if (present.contains(it->first)) {
        ++it;
        continue;
      }
      changes.push_back({Change::Kind::resolved, std::move(it->second), {}});
      it = open_.erase(it);
    }
  }
  return changes;
}

Json to_json(const Finding& finding) {
  return {{"policy", finding.policy->name},
          {"policy_title", finding.policy->title},
          {"policy_version", finding.policy->version},
          {"check", finding.check->id},
          {"title", finding.check->title},
          {"severity", to_string(finding.check->severity)},
          {"attack", finding.check->attack.empty() ? finding.policy->attack : finding.check->attack},
          {"fingerprint", finding.violation.fingerprint},
          {"message", finding.violation.message},
          {"row", json_row(finding.violation.columns, finding.violation.row)},
          {"first_seen", rfc3339(finding.first_seen)},
          {"last_seen", rfc3339(finding.last_seen)},
          {"remediation", finding.policy->remediation},
          {"false_positives", finding.policy->false_positives}};
}

Exit exit_of(const std::vector<CheckResult>& results) {
  Exit exit = Exit::clean;
  for (const auto& result : results) {
    if (result.verdict == Verdict::violated) exit = worse(exit, Exit::violations);
    if (result.verdict == Verdict::unknown) exit = worse(exit, Exit::unchecked);
  }
  return exit;
}

}  // namespace ringside::agent
