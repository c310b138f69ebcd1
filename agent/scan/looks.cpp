// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/looks.h"

#include "agent/scan/second_look.h"
#include "guest/linux/kernel.h"
#include "guest/x86/page_tables.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

using guest::live::MsrSource;
using policies::CheckResult;
using std::chrono::steady_clock;

namespace {

/// How long the registers that a kernel sets up once must stand still after a reset before it is judged
/// again, if it does not say itself that it has booted. Linux makes its text read-only at the very end of its
/// start (init/main.c, mark_readonly), some seconds after it has loaded its IDT for good.
constexpr std::chrono::seconds kSettle{30};

/// Whether a Linux kernel says that its start is over: it protects its memory before it says so (init/main.c,
/// kernel_init). nullopt: none says anything.
std::optional<bool> says_that_it_booted(guest::Snapshot& snapshot) {
  const auto kernel = guest::linux::Kernel::of(snapshot);
  if (!kernel) return std::nullopt;
  const auto booted = (*kernel)->booted();
  return booted ? std::optional(*booted) : std::nullopt;
}

}  // namespace

Looks::Looks(guest::live::LiveGuest& guest, policies::Evaluator& evaluator,
             const std::vector<policies::Policy>& policies, MsrSource msrs, Pauses* pauses)
    : guest_(guest), evaluator_(evaluator), policies_(policies), msrs_(msrs), pauses_(pauses) {}

std::vector<std::string> Looks::begin_boot() {
  std::vector<std::string> problems;
  // Without a baseline the checks that need one are unknown, which is what they are now.
  if (auto dropped = evaluator_.set_baseline(nullptr); !dropped) problems.push_back(dropped.error().message);
  if (auto refreshed = guest_.refresh_map(); !refreshed)
    problems.push_back("memory map: " + refreshed.error().message);
  settling_since_ = steady_clock::now();
  settling_cpus_.clear();
  confirmation_.clear();
  return problems;
}

bool Looks::still_booting(guest::Snapshot& snapshot) {
  if (!settling_since_) return false;
  guest::ReadSet entry_registers;
  entry_registers.note(guest::RegisterGroups::control | guest::RegisterGroups::tables);
  const auto& cpus = snapshot.cpus(guest::RegisterGroups::none);
  // Firmware, boot loaders and the kernel's own decompressor use an IDT in the lower half, if any.
  const bool kernel = std::any_of(cpus.begin(), cpus.end(), [](const auto& cpu) {
    const auto mode = cpu.paging_mode();
    return mode != guest::x86::PagingMode::none && cpu.idt.base.value >= guest::x86::kernel_half(mode).value;
  });
  const std::optional<bool> booted = kernel ? says_that_it_booted(snapshot) : std::nullopt;
  if (booted == true) return false;
  // One that says that it has not booted may take its time: on a host without a CPU to spare, minutes.
  if (!kernel || booted == false || !entry_registers.registers_equal(settling_cpus_, cpus)) {
    settling_since_ = steady_clock::now();
    settling_cpus_ = cpus;
    return true;
  }
  return steady_clock::now() - *settling_since_ < kSettle;
}

std::vector<CheckResult> Looks::all_unknown(const std::string& why) const {
  std::vector<CheckResult> results;
  for (const auto& policy : policies_)
    for (const auto& check : policy.checks)
      results.push_back({&policy, &check, policies::Verdict::unknown, {}, {why}});
  return results;
}

/// True if every violation of it is an open finding.
bool Looks::is_open(const CheckResult& result) const {
  return std::all_of(result.violations.begin(), result.violations.end(),
                     [&](const auto& violation) { return findings_.is_open(result, violation); });
}

/// True if it does not say the same as before: what a check can never know is not looked at again each time.
bool Looks::is_news(const CheckResult& result) const {
  if (result.verdict == policies::Verdict::violated) return !is_open(result);
  const auto known = reasons_.find(result.check);
  return known == reasons_.end() || known->second != result.reasons;
}

void Looks::note_reasons(const std::vector<CheckResult>& results) {
  for (const CheckResult& result : results) {
    if (result.verdict == policies::Verdict::unknown)
      reasons_[result.check] = result.reasons;
    else
      reasons_.erase(result.check);
  }
}

/// What a look at a guest that stands still says: it may stand in the middle of anything, so only what was
/// confirmed before counts.
CheckResult Looks::standing_still(const CheckResult& look) const {
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
void Looks::confirm(std::vector<CheckResult>& results, guest::Snapshot& snapshot, Confirmation::Moment at) {
  const bool running = snapshot.info().status == "running";
  const GraceClock grace = grace_clock(snapshot, guest_.memory());
  std::vector<CheckResult> said;
  for (CheckResult& result : results) {
    if (result.check->confirm != policies::Confirm::window) {
      said.push_back(std::move(result));
    } else if (!running && result.verdict == policies::Verdict::violated) {
      said.push_back(is_open(result) ? std::move(result) : standing_still(result));
    } else if (auto weighed = confirmation_.weigh(result, at, grace)) {
      said.push_back(std::move(*weighed));
    }
  }
  results = std::move(said);
}

bool Looks::confirms(const policies::Policy& policy) const {
  return std::any_of(policy.checks.begin(), policy.checks.end(),
                     [&](const auto& check) { return confirmation_.undecided(check); });
}

Result<Looks::Look> Looks::try_look(const std::function<bool(const policies::Policy&)>& due) {
  const auto at = steady_clock::now();
  MsrSource source = msrs_;
  auto snapshot = guest_.snapshot(source);
  if (!snapshot && source == MsrSource::calibrated && guest_.monitor().connected()) {
    // Only the MSRs could not be had: checks on them are unknown, all others go on.
    source = MsrSource::none;
    snapshot = guest_.snapshot(source);
  }
  if (!snapshot) return fail(std::move(snapshot).error());
  Look look;
  if (still_booting(**snapshot)) {
    look.results = all_unknown("the guest is booting");
    return look;
  }
  look.booted = settling_since_.has_value();
  settling_since_.reset();
  std::function<bool(const policies::Policy&)> wanted;
  if (due) wanted = [&](const policies::Policy& policy) { return due(policy) || confirms(policy); };
  look.results = evaluator_.tick(**snapshot, guest_.memory(), nullptr, wanted);
  const bool running = (*snapshot)->info().status == "running";
  if (running) {
    look_closer(guest_, evaluator_, source, look.results,
                [this](const CheckResult& result) { return is_news(result); });
    note_reasons(look.results);
    look_again(
        guest_, evaluator_, source, look.results,
        [this](const CheckResult& result) { return !is_open(result); }, pauses_);
  }
  confirm(look.results, **snapshot, at);
  return look;
}

std::optional<Looks::Look> Looks::look(const std::function<bool(const policies::Policy&)>& due) {
  auto look = try_look(due);
  if (look) return std::move(*look);
  // QEMU's end shows as a failed read before the connection is seen to be closed.
  if (!guest_.monitor().connected()) return std::nullopt;
  const std::string why = "the guest could not be read: " + look.error().message;
  return Look{all_unknown(why), false, why};
}

}  // namespace ringside::agent
