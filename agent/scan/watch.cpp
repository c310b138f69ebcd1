// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/watch.h"

#include "agent/scan/second_look.h"
#include "agent/signals.h"
#include "guest/x86/page_tables.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

using guest::live::MsrSource;
using policies::CheckResult;
using std::chrono::steady_clock;

namespace {

/// How long the registers that a kernel sets up once must stand still after a reset before it is judged
/// again. Linux makes its text read-only at the very end of its start (init/main.c, mark_readonly), some
/// seconds after it has loaded its IDT for good.
constexpr std::chrono::seconds kSettle{30};

Moment now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

Watch::Watch(guest::live::LiveGuest& guest, policies::Evaluator& evaluator,
             const std::vector<policies::Policy>& policies, WatchReporter& reporter, MsrSource msrs)
    : guest_(guest), evaluator_(evaluator), policies_(policies), reporter_(reporter), msrs_(msrs) {}

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
  if (!settling_since_)
    reporter_.guest("reset",
                    "the guest was reset: the baseline is of the boot before and no longer counts; "
                    "run ringside baseline save once it is up",
                    now());
  // Without a baseline the checks that need one are unknown, which is what they are now.
  if (auto dropped = evaluator_.set_baseline(nullptr); !dropped)
    reporter_.guest("error", dropped.error().message, now());
  if (auto refreshed = guest_.refresh_map(); !refreshed)
    reporter_.guest("error", "memory map: " + refreshed.error().message, now());
  settling_since_ = steady_clock::now();
  settling_cpus_.clear();
  confirmation_.clear();
}

bool Watch::booting(guest::Snapshot& snapshot) {
  if (!settling_since_) return false;
  guest::ReadSet entry_registers;
  entry_registers.note(guest::RegisterGroups::control | guest::RegisterGroups::tables);
  const auto& cpus = snapshot.cpus(guest::RegisterGroups::none);
  // Firmware, boot loaders and the kernel's own decompressor use an IDT in the lower half, if any.
  const bool kernel = std::any_of(cpus.begin(), cpus.end(), [](const auto& cpu) {
    const auto mode = cpu.paging_mode();
    return mode != guest::x86::PagingMode::none && cpu.idt.base.value >= guest::x86::kernel_half(mode).value;
  });
  if (!kernel || !entry_registers.registers_equal(settling_cpus_, cpus)) {
    settling_since_ = steady_clock::now();
    settling_cpus_ = cpus;
    return true;
  }
  if (steady_clock::now() - *settling_since_ < kSettle) return true;
  settling_since_.reset();
  reporter_.guest("booted", "the guest's kernel has set itself up; checks are evaluated again", now());
  return false;
}

std::vector<CheckResult> Watch::all_unknown(const std::string& why) const {
  std::vector<CheckResult> results;
  for (const auto& policy : policies_)
    for (const auto& check : policy.checks)
      results.push_back({&policy, &check, policies::Verdict::unknown, {}, {why}});
  return results;
}

/// True if every violation of it is an open finding.
bool Watch::is_open(const CheckResult& result) const {
  return std::all_of(result.violations.begin(), result.violations.end(),
                     [&](const auto& violation) { return findings_.is_open(result, violation); });
}

/// True if it does not say the same as before: what a check can never know is not looked at again each time.
bool Watch::is_news(const CheckResult& result) const {
  if (result.verdict == policies::Verdict::violated) return !is_open(result);
  const auto known = reasons_.find(result.check);
  return known == reasons_.end() || known->second != result.reasons;
}

void Watch::note_reasons(const std::vector<CheckResult>& results) {
  reasons_.clear();
  for (const CheckResult& result : results)
    if (result.verdict == policies::Verdict::unknown) reasons_[result.check] = result.reasons;
}

/// What a look at a guest that stands still says: it may stand in the middle of anything, so only what was
/// confirmed before counts.
CheckResult Watch::standing_still(const CheckResult& look) const {
  CheckResult result = look;
  std::erase_if(result.violations,
                [&](const auto& violation) { return !findings_.is_open(look, violation); });
  result.reasons.push_back(
      fmt::format("seen while the guest stands still ({}): it counts once the guest runs and it stays",
                  look.violations.front().message));
  if (result.violations.empty()) result.verdict = policies::Verdict::unknown;
  return result;
}

/// Leaves out of `results` what cannot be said yet.
void Watch::confirm(std::vector<CheckResult>& results, bool running, Confirmation::Moment at) {
  std::vector<CheckResult> said;
  for (CheckResult& result : results) {
    if (result.check->confirm != policies::Confirm::window) {
      said.push_back(std::move(result));
    } else if (!running && result.verdict == policies::Verdict::violated) {
      said.push_back(is_open(result) ? std::move(result) : standing_still(result));
    } else if (auto weighed = confirmation_.weigh(result, at)) {
      said.push_back(std::move(*weighed));
    }
  }
  results = std::move(said);
}

Result<std::vector<CheckResult>> Watch::look() {
  const auto at = steady_clock::now();
  MsrSource source = msrs_;
  auto snapshot = guest_.snapshot(source);
  if (!snapshot && source == MsrSource::calibrated && guest_.monitor().connected()) {
    // Only the MSRs could not be had: checks on them are unknown, all others go on.
    source = MsrSource::none;
    snapshot = guest_.snapshot(source);
  }
  if (!snapshot) return fail(std::move(snapshot).error());
  if (booting(**snapshot)) return all_unknown("the guest is booting");
  auto results = evaluator_.tick(**snapshot, guest_.memory());
  const bool running = (*snapshot)->info().status == "running";
  if (running) {
    look_closer(guest_, evaluator_, source, results,
                [this](const CheckResult& result) { return is_news(result); });
    note_reasons(results);
    look_again(guest_, evaluator_, source, results,
               [this](const CheckResult& result) { return !is_open(result); });
  }
  confirm(results, running, at);
  return results;
}

void Watch::tick() {
  auto results = look();
  if (!results) {
    // QEMU's end shows as a failed read before the connection is seen to be closed; run() says so then.
    if (!guest_.monitor().connected()) return;
    results = all_unknown("the guest could not be read: " + results.error().message);
  }
  const Moment at = now();
  tally_.add(*results);
  reporter_.changes(findings_.update(*results, at), at);
  reporter_.ticked(Tally::of(*results), confirmation_.undecided(), at);
}

steady_clock::time_point Watch::next_look(steady_clock::time_point next_tick) const {
  const auto pace = confirmation_.pace();
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
  Exit exit = findings_.opened() > 0                                               ? Exit::violations
              : findings_.ever_unknown() || gone_ || confirmation_.undecided() > 0 ? Exit::unchecked
                                                                                   : Exit::clean;
  reporter_.ended(why, ticks, findings_, tally_, confirmation_.undecided(), exit, now());
  return exit;
}

}  // namespace ringside::agent
