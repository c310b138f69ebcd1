// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/scan/confirmation.h"
#include "guest/live/live_guest.h"
#include "policies/engine/evaluator.h"

#include <chrono>
#include <functional>
#include <vector>

namespace ringside::agent {

/// How far the confirmation of a scan is.
struct ConfirmProgress {
  std::size_t checks = 0;                    ///< that are still looked at
  std::chrono::milliseconds waited{}, of{};  ///< of: the longest window
};

/// Looks again at the violated checks of `results` that confirm over a window, until each is decided or a
/// signal comes. `first` is when the results were seen. Returns at once if there is none. What cannot be
/// decided is unknown, with the reason. `progress` is told before each wait.
void confirm_over_windows(guest::live::LiveGuest& guest, policies::Evaluator& evaluator,
                          guest::live::MsrSource msrs, std::vector<policies::CheckResult>& results,
                          Confirmation::Moment first,
                          const std::function<void(const ConfirmProgress&)>& progress);

}  // namespace ringside::agent
