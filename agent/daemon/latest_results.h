// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/scan/report.h"
#include "policies/engine/evaluator.h"

#include <map>
#include <string>
#include <vector>

namespace ringside::agent {

/// "policy/check": what results and findings are told apart by, over restarts too.
std::string check_key(const policies::Policy& policy, const policies::Check& check);

/// What each check came to when it was evaluated last: a look has only those that were due.
class LatestResults {
 public:
  void take(const std::vector<policies::CheckResult>& results);
  void clear() { results_.clear(); }
  /// Of a check that was taken.
  const policies::CheckResult& of(const policies::Policy& policy, const policies::Check& check) const {
    return results_.at(check_key(policy, check));
  }
  Tally tally() const;

 private:
  std::map<std::string, policies::CheckResult> results_;  ///< by check_key()
};

/// What each policy came to at one look: `violated` if one of its checks did, else `unknown` if one is.
std::map<std::string, policies::Verdict> worst_of_policies(const std::vector<policies::CheckResult>& results);

}  // namespace ringside::agent
