// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/config/config.h"
#include "agent/daemon/guest_facts.h"
#include "agent/store/finding_record.h"
#include "guest/live/live_guest.h"
#include "policies/engine/evaluator.h"

#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace ringside::agent {

/// Bounds how often actions are taken: per guest and on this host. Thread-safe; knows no clock.
class CircuitBreaker {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  /// Counts one action if it is allowed; `unavailable` says which bound was reached.
  Result<void> allow(const Breaker& bounds, const std::string& guest, Moment now);

 private:
  std::mutex mutex_;
  std::map<std::string, std::deque<Moment>> guests_;
  std::deque<Moment> host_;
};

/// True for what changes a guest or stops it, and so needs leave.
bool needs_leave(const std::string& action);

/// Why an action of a policy that enforces is not taken; nullopt: it may be. The configuration must allow it
/// for this guest, and the finding must not be silenced.
std::optional<std::string> refusal(const std::string& action, const Config& config, const GuestFacts& guest,
                                   bool suppressed);

/// Stops the guest for good; whoever runs it resumes it. Gives what was done, in words.
Result<std::string> pause_guest(guest::live::LiveGuest& guest);
/// Puts back what one violation says how to, by `baseline` (may be null) or by itself. `not_found`: nothing
/// can be put back.
Result<std::string> restore_violation(guest::live::LiveGuest& guest, const policies::Baseline* baseline,
                                      const policies::CheckResult& result,
                                      const policies::Violation& violation);
/// Writes the guest's memory as an ELF core into `directory` by dump-guest-memory, which stops the guest
/// until it is done (QEMU dump/dump.c). Dumps in `directory` are `bound` bytes together at most.
Result<std::string> dump_guest(guest::live::LiveGuest& guest, const std::string& directory,
                               const std::string& name, std::uint64_t bound);
/// Removes what dumps that were never finished have left there.
void remove_broken_dumps(const std::string& directory);

}  // namespace ringside::agent
