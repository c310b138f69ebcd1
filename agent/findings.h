// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outcome.h"
#include "agent/output/json.h"
#include "policies/engine/evaluator.h"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace ringside::agent {

using Moment = std::chrono::sys_time<std::chrono::microseconds>;

/// A violation with its life: opened when it is first confirmed, resolved when its check no longer reports
/// it.
struct Finding {
  const policies::Policy* policy = nullptr;
  const policies::Check* check = nullptr;
  policies::Violation violation;  ///< as seen last
  Moment first_seen{}, last_seen{};
};

/// What happened to a finding or a check between two ticks.
struct Change {
  enum class Kind {
    opened,
    resolved,
    blind,       ///< the check became unknown
    seen_again,  ///< the check can be evaluated again
  };
  Kind kind;
  Finding finding;                   ///< policy and check only, for blind and seen_again
  std::vector<std::string> reasons;  ///< of blind
};

/// The open findings of one guest, and which checks are unknown. Tells changes, not states: a finding is
/// raised once. A check that turns unknown keeps its findings open, since nothing says that they are gone.
class FindingLog {
 public:
  std::vector<Change> update(const std::vector<policies::CheckResult>& results, Moment now);

  bool is_open(const policies::CheckResult& result, const policies::Violation& violation) const;
  const std::map<std::string, Finding>& open() const { return open_; }
  /// How many findings were ever opened.
  std::size_t opened() const { return opened_; }
  bool any_unknown() const { return !blind_.empty(); }
  /// A check was unknown at some time.
  bool ever_unknown() const { return ever_unknown_; }

 private:
  std::map<std::string, Finding> open_;                    ///< by policy, check and fingerprint
  std::map<std::string, std::vector<std::string>> blind_;  ///< unknown checks with their reasons
  std::size_t opened_ = 0;
  bool ever_unknown_ = false;
};

Json to_json(const Finding& finding);

/// 3 with a violation, else 4 with an unknown, else 0.
Exit exit_of(const std::vector<policies::CheckResult>& results);

}  // namespace ringside::agent
