// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/evaluator.h"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ringside::agent {

/// Which policies have had checks that could not say anything for so long that it is a finding in itself: one
/// a policy, that lists them. Knows no clock.
class BlindChecks {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  struct Blind {
    const policies::Policy* policy;
    std::vector<std::string> checks;  ///< "check: reason"
  };
  struct News {
    std::vector<Blind> blind;         ///< new, or other checks than were told before
    std::vector<std::string> seeing;  ///< policies of which nothing is blind any more
  };

  News update(const std::vector<policies::CheckResult>& results, std::chrono::milliseconds after, Moment now);
  /// Begins anew, as after a reset; what was told stays told until its policy can be seen to see.
  void restart();
  /// This policy's checks were told blind before, by another session.
  void remember(const std::string& policy);

 private:
  struct State {
    Moment since;
    std::string reason;
  };
  std::map<const policies::Policy*, std::map<std::string, State>> unknown_;
  std::map<std::string, std::set<std::string>> told_;  ///< checks, by policy
};

}  // namespace ringside::agent
