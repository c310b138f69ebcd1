// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/session_tools.h"
#include "policies/engine/baseline.h"

#include <functional>
#include <string>

namespace ringside::agent {

/// Acts on the findings of one guest as their policies and the configuration say, and writes down what was
/// done and what was refused.
class FindingActions {
 public:
  /// `guest` is read at each action; it must outlive this.
  FindingActions(SessionTools tools, const GuestFacts& guest) : tools_(std::move(tools)), guest_(guest) {}

  /// Gives the baseline that places may be restored from; nullptr: there is none. Asked only when needed, and
  /// valid until it is asked again.
  using BaselineOf = std::function<const policies::Baseline*()>;
  void take(const FindingRecord& record, const policies::CheckResult& result,
            const policies::Violation& violation, guest::live::LiveGuest& live, const Config& config,
            const BaselineOf& baseline, Moment now);

  /// The finding for which the guest was paused, while it stands still; empty: none.
  const std::string& paused_for() const { return paused_for_; }
  void runs_again() { paused_for_.clear(); }

 private:
  Result<std::string> perform(const std::string& action, const FindingRecord& record,
                              const policies::CheckResult& result, const policies::Violation& violation,
                              guest::live::LiveGuest& live, const Config& config, const BaselineOf& baseline,
                              Moment now);

  SessionTools tools_;
  const GuestFacts& guest_;
  std::string paused_for_;
};

}  // namespace ringside::agent
