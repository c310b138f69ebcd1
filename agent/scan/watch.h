// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/scan/look_tally.h"
#include "agent/scan/looks.h"
#include "agent/scan/watch_reporter.h"
#include "guest/live/live_guest.h"
#include "policies/engine/evaluator.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace ringside::agent {

/// `scan --every`: evaluates policies on a period until it is told to stop, the count is reached, or the
/// guest ends. Says what changes, not what is. What has to be confirmed over a window is carried from tick to
/// tick; as long as there is such, it looks as often as the window wants.
class Watch {
 public:
  struct Period {
    std::chrono::milliseconds every{1'000};
    std::uint64_t count = 0;  ///< ticks; 0: no end
  };

  /// `msrs` is how each tick reads them; all references must outlive the watch.
  Watch(guest::live::LiveGuest& guest, policies::Evaluator& evaluator,
        const std::vector<policies::Policy>& policies, WatchReporter& reporter, guest::live::MsrSource msrs);

  /// 3 if a finding was opened, else 4 if a check was ever unknown or the guest ended, else 0.
  Exit run(const Period& period);

 private:
  void on_event(const qmp::Event& event);  ///< on the I/O thread
  bool guest_ended();
  void after_reset();
  void tick();
  std::chrono::steady_clock::time_point next_look(std::chrono::steady_clock::time_point next_tick) const;

  guest::live::LiveGuest& guest_;
  WatchReporter& reporter_;
  Looks looks_;
  LookTally tally_;
  std::atomic<bool> reset_{false}, shut_down_{false};
  bool gone_ = false;
};

}  // namespace ringside::agent
