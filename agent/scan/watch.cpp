// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/watch.h"

#include "agent/signals.h"

#include <algorithm>

namespace ringside::agent {

using guest::live::MsrSource;
using std::chrono::steady_clock;

namespace {

Moment now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

Watch::Watch(guest::live::LiveGuest& guest, policies::Evaluator& evaluator,
             const std::vector<policies::Policy>& policies, WatchReporter& reporter, MsrSource msrs)
    : guest_(guest), reporter_(reporter), looks_(guest, evaluator, policies, msrs) {}

void Watch::on_event(const qmp::Event& event) {
  if (event.kind == qmp::EventKind::reset) reset_ = true;
  if (event.kind == qmp::EventKind::shutdown) shut_down_ = true;
  if (event.kind == qmp::EventKind::reset || event.kind == qmp::EventKind::shutdown) signals::wake();
}

bool Watch::guest_ended() {
  if (shut_down_) {
    reporter_.guest("shutdown", "the guest has shut down", now());
    return gone_ = true;
  }
  if (!guest_.monitor().connected()) {
    reporter_.guest("gone", "QEMU has closed the connection: the guest can no longer be watched", now());
    return gone_ = true;
  }
  return false;
}

void Watch::after_reset() {
  // Firmware and QEMU reset a machine several times on its way up; that is said once.
  if (!looks_.booting())
    reporter_.guest("reset",
                    "the guest was reset: the baseline is of the boot before and no longer counts; "
                    "run ringside baseline save once it is up",
                    now());
  for (const auto& problem : looks_.begin_boot()) reporter_.guest("error", problem, now());
}

void Watch::tick() {
  const auto look = looks_.look();
  if (!look) return;  // run() sees the closed connection
  if (look->booted)
    reporter_.guest("booted", "the guest's kernel has set itself up; checks are evaluated again", now());
  const Moment at = now();
  tally_.add(look->results);
  reporter_.changes(looks_.take(*look, at), at);
  reporter_.ticked(Tally::of(look->results), looks_.undecided(), at);
}

steady_clock::time_point Watch::next_look(steady_clock::time_point next_tick) const {
  const auto pace = looks_.pace();
  return pace ? std::min(next_tick, steady_clock::now() + *pace) : next_tick;
}

Exit Watch::run(const Period& period) {
  const auto subscription = guest_.monitor().subscribe([this](const qmp::Event& event) { on_event(event); });
  auto next = steady_clock::now();
  std::uint64_t ticks = 0;
  std::string why = "the count was reached";
  for (;;) {
    if (reset_.exchange(false)) after_reset();
    if (guest_ended()) {
      why = "the guest ended";
      break;
    }
    const bool due = steady_clock::now() >= next;  // else only what has to be confirmed is in a hurry
    tick();
    if (due) ++ticks;
    if (period.count != 0 && ticks >= period.count) break;
    if (!reporter_.can_write()) {
      why = "nobody reads the output";
      break;
    }
    // A tick that took longer than the period is followed at once by one more, not by all that were missed.
    if (due) next = std::max(next + period.every, steady_clock::now());
    const auto wake = next_look(next);
    while (signals::received() == 0 && !reset_ && !shut_down_ && guest_.monitor().connected() &&
           signals::wait_until(wake)) {
    }
    if (signals::received() != 0) {
      why = "stopped by a signal";
      break;
    }
  }
  Exit exit = looks_.findings().opened() > 0                                        ? Exit::violations
              : looks_.findings().ever_unknown() || gone_ || looks_.undecided() > 0 ? Exit::unchecked
                                                                                    : Exit::clean;
  reporter_.ended(why, ticks, looks_.findings(), tally_, looks_.undecided(), exit, now());
  return exit;
}

}  // namespace ringside::agent
