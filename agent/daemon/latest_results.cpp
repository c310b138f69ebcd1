// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/latest_results.h"

namespace ringside::agent {

using policies::Verdict;

std::string check_key(const policies::Policy& policy, const policies::Check& check) {
  return policy.name + '/' + check.id;
}

void LatestResults::take(const std::vector<policies::CheckResult>& results) {
  for (const auto& result : results) results_[check_key(*result.policy, *result.check)] = result;
}

Tally LatestResults::tally() const {
  Tally tally;
  for (const auto& [key, result] : results_) {
    tally.ok += result.verdict == Verdict::ok;
    tally.violated += result.verdict == Verdict::violated;
    tally.unknown += result.verdict == Verdict::unknown;
    tally.not_applicable += result.verdict == Verdict::not_applicable;
  }
  return tally;
}

std::map<std::string, Verdict> worst_of_policies(const std::vector<policies::CheckResult>& results) {
  std::map<std::string, Verdict> policies;
  for (const auto& result : results) {
    auto& worst = policies.emplace(result.policy->name, Verdict::ok).first->second;
    if (result.verdict == Verdict::violated ||
        (result.verdict == Verdict::unknown && worst != Verdict::violated))
      worst = result.verdict;
  }
  return policies;
}

}  // namespace ringside::agent
