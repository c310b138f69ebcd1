// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

/// SIGINT, SIGTERM and SIGHUP ask the program to stop; it unwinds, so that freeze windows give guests back.
/// SIGPIPE is ignored: a lost reader shows as a failed write.
namespace ringside::agent::signals {

void install();
/// The signal that asked to stop, or 0.
int received();
/// Sleeps until `deadline`, a signal or wake(); true if it was woken.
bool wait_until(std::chrono::steady_clock::time_point deadline);
/// Ends a wait_until() from any thread.
void wake();

}  // namespace ringside::agent::signals
