// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/blind_checks.h"
#include "agent/daemon/guest_facts.h"
#include "agent/daemon/ledger.h"

#include <chrono>
#include <string>
#include <vector>

namespace ringside::agent {

/// The findings that checks of one guest cannot say anything: opened and resolved in the ledger.
class BlindFindings {
 public:
  /// `guest` is read whenever a finding is told; it must outlive this.
  BlindFindings(Ledger& ledger, const GuestFacts& guest) : ledger_(ledger), guest_(guest) {}

  /// What a look at `now` came to; `at` is the same moment on the clock of `after`.
  void take(const std::vector<policies::CheckResult>& results, std::chrono::milliseconds after,
            BlindChecks::Moment at, Moment now);
  void restart() { checks_.restart(); }
  void remember(const std::string& policy) { checks_.remember(policy); }

 private:
  Ledger& ledger_;
  const GuestFacts& guest_;
  BlindChecks checks_;
};

}  // namespace ringside::agent
