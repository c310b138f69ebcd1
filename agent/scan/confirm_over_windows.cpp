// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/confirm_over_windows.h"

#include "agent/scan/second_look.h"
#include "agent/signals.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ringside::agent {

using policies::CheckResult;
using policies::Verdict;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// The checks of one scan that are not decided, and what they came to in the end.
class Looks {
 public:
  Looks(guest::live::LiveGuest& guest, policies::Evaluator& evaluator, guest::live::MsrSource msrs,
        std::vector<CheckResult>& results)
      : guest_(guest), evaluator_(evaluator), msrs_(msrs), results_(results) {}

  void first(Confirmation::Moment at) {
    for (CheckResult& result : results_)
      if (result.verdict == Verdict::violated && result.check->confirm == policies::Confirm::window)
        decide(result, confirmation_.weigh(result, at));
  }
  Result<void> again();
  std::optional<milliseconds> pace() const { return confirmation_.pace(); }
  ConfirmProgress progress(milliseconds waited) const;
  /// What is not decided now never will be.
  void give_up(const Error& why);

 private:
  static void decide(CheckResult& result, std::optional<CheckResult> said) {
    if (said) result = std::move(*said);
  }

  guest::live::LiveGuest& guest_;
  policies::Evaluator& evaluator_;
  guest::live::MsrSource msrs_;
  std::vector<CheckResult>& results_;
  Confirmation confirmation_;
};

Result<void> Looks::again() {
  const auto at = steady_clock::now();
  RINGSIDE_TRY(const auto snapshot, guest_.snapshot(msrs_));
  // Nothing moves on in a guest that stands still, so that nothing can be learnt from looking again.
  if (snapshot->info().status != "running") return fail(Errc::unavailable, "the guest was stopped meanwhile");
  std::set<const policies::Check*> wanted;
  for (const CheckResult& result : results_)
    if (confirmation_.undecided(*result.check)) wanted.insert(result.check);
  std::vector<CheckResult> looks = evaluator_.evaluate(wanted, *snapshot);
  look_closer(guest_, evaluator_, msrs_, looks,
              [&](const CheckResult& look) { return confirmation_.undecided(*look.check); });
  const GraceClock grace = grace_clock(*snapshot, guest_.memory());
  for (CheckResult& result : results_) {
    if (!confirmation_.undecided(*result.check)) continue;
    const auto look = std::find_if(looks.begin(), looks.end(),
                                   [&](const CheckResult& one) { return one.check == result.check; });
    if (look == looks.end()) continue;
    auto said = confirmation_.weigh(*look, at, grace);
    if (said)
      result = std::move(*said);
    else
      result = *look;  // what was seen last, in case it cannot be decided
  }
  return {};
}

ConfirmProgress Looks::progress(milliseconds waited) const {
  ConfirmProgress progress{0, waited, milliseconds(0)};
  for (const CheckResult& result : results_) {
    if (!confirmation_.undecided(*result.check)) continue;
    ++progress.checks;
    progress.of = std::max(progress.of, result.check->window.length);
  }
  return progress;
}

void Looks::give_up(const Error& why) {
  for (CheckResult& result : results_)
    if (confirmation_.undecided(*result.check)) result = unconfirmed(result, why);
  confirmation_.clear();
}

}  // namespace

void confirm_over_windows(guest::live::LiveGuest& guest, policies::Evaluator& evaluator,
                          guest::live::MsrSource msrs, std::vector<CheckResult>& results,
                          Confirmation::Moment first,
                          const std::function<void(const ConfirmProgress&)>& progress) {
  Looks looks(guest, evaluator, msrs, results);
  looks.first(first);
  auto next = first;
  for (auto pace = looks.pace(); pace; pace = looks.pace()) {
    progress(looks.progress(std::chrono::duration_cast<milliseconds>(steady_clock::now() - first)));
    // A look that took longer than the pace is followed at once by one more, not by all that were missed.
    next = std::max(next + *pace, steady_clock::now());
    while (signals::received() == 0 && signals::wait_until(next)) {
    }
    if (signals::received() != 0) return looks.give_up({Errc::cancelled, "the scan was interrupted"});
    if (auto looked = looks.again(); !looked) return looks.give_up(looked.error());
  }
}

}  // namespace ringside::agent
