// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>

/// SIGINT, SIGTERM and SIGHUP ask the program to stop; it unwinds, so that freeze windows give guests back.
/// SIGPIPE is ignored: a lost reader shows as a failed write.
namespace ringside::agent::signals {

void install();
/// From now on SIGHUP asks to load the configuration anew instead of stopping.
void let_hangup_reload();
/// True once for each time that was asked.
bool take_reload();
/// The signal that asked to stop, or 0.
int received();
/// Sleeps until `deadline`, a signal or wake(); true if it was woken.
bool wait_until(std::chrono::steady_clock::time_point deadline);
/// Ends a wait_until() from any thread.
void wake();

/// While one lives, SIGINT asks to stop what is being done, and not the program. There can be one at a time.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
};
/// Whether SIGINT came during an InterruptScope, since clear_interrupt().
const std::atomic<bool>& interrupted();
void clear_interrupt();

/// Waits until `descriptor` can be read or its other end is closed. False: a signal came first.
bool wait_readable(int descriptor);

}  // namespace ringside::agent::signals
