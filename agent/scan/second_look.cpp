// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/second_look.h"

#include "agent/log.h"
#include "agent/output/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ringside::agent {

using policies::CheckResult;
using policies::Verdict;

namespace {
constexpr std::size_t kMaxReasons = 5;  // of one check
}

CheckResult confirmed(const CheckResult& first, const CheckResult& again) {
  if (first.verdict != Verdict::violated || again.verdict != Verdict::violated) return again;
  std::set<std::string> before;
  for (const auto& violation : first.violations) before.insert(violation.fingerprint);
  CheckResult both = again;
  std::erase_if(both.violations,
                [&](const auto& violation) { return !before.contains(violation.fingerprint); });
  if (both.violations.empty()) {
    both.verdict = Verdict::unknown;
    both.reasons.emplace_back(
        "two looks in a row found different violations: the rows change while they are read");
  }
  return both;
}

CheckResult unconfirmed(const CheckResult& first, const Error& why) {
  CheckResult result = first;
  result.verdict = Verdict::unknown;
  result.violations.clear();
  for (std::size_t i = 0; i < first.violations.size() && i < kMaxReasons; ++i)
    result.reasons.push_back(fmt::format("seen ({}), but it could not be looked at again: {}",
                                         first.violations[i].message, why.message));
  if (first.violations.size() > kMaxReasons)
    result.reasons.push_back(fmt::format("{} more were seen", first.violations.size() - kMaxReasons));
  return result;
}

namespace {

/// Notes how long a window was open, on every way out.
class PauseTaken {
 public:
  PauseTaken(std::unique_ptr<guest::live::FreezeWindow>& window, Pauses* pauses)
      : window_(window), pauses_(pauses) {}
  ~PauseTaken() {
    if (!window_) return;
    (void)window_->close();  // says the same at a second call
    if (pauses_ != nullptr) pauses_->took(window_->frozen_for(), std::chrono::steady_clock::now());
  }
  PauseTaken(const PauseTaken&) = delete;
  PauseTaken& operator=(const PauseTaken&) = delete;

 private:
  std::unique_ptr<guest::live::FreezeWindow>& window_;
  Pauses* pauses_;
};

/// Evaluates `wanted` checks again on a fresh snapshot, inside a freeze window if `paused`.
Result<std::vector<CheckResult>> evaluate_again(guest::live::LiveGuest& guest, policies::Evaluator& evaluator,
                                                guest::live::MsrSource msrs,
                                                const std::set<const policies::Check*>& wanted, bool paused,
                                                Pauses* pauses = nullptr) {
  std::unique_ptr<guest::live::FreezeWindow> window;
  if (paused) {
    if (pauses != nullptr) RINGSIDE_CHECK(pauses->allow(std::chrono::steady_clock::now()));
    RINGSIDE_TRY(window, guest.freeze());
  }
  const PauseTaken taken(window, pauses);
  std::vector<CheckResult> again;
  {
    RINGSIDE_TRY(const auto snapshot, guest.snapshot(msrs));
    again = evaluator.evaluate(wanted, *snapshot);
  }
  if (window) {
    RINGSIDE_CHECK(window->close());
    log::info(fmt::format("the guest was frozen for {} to confirm a violation",
                          human_duration(window->frozen_for())));
  }
  return again;
}

const CheckResult* find(const std::vector<CheckResult>& results, const policies::Check* check) {
  const auto found =
      std::find_if(results.begin(), results.end(), [&](const auto& other) { return other.check == check; });
  return found == results.end() ? nullptr : &*found;
}

}  // namespace

namespace {

/// True if another look at once can tell more of it.
bool needs_closer_look(const CheckResult& result, const std::function<bool(const CheckResult&)>& doubted) {
  const bool unsure =
      result.verdict == Verdict::unknown ||
      (result.verdict == Verdict::violated && result.check->confirm == policies::Confirm::window);
  return unsure && doubted(result);
}

}  // namespace

CheckResult closer(const CheckResult& first, const CheckResult& again, bool& more) {
  if (again.verdict == Verdict::unknown) {
    more = first.verdict == Verdict::violated || again.reasons != first.reasons;
    // What could not be read again is not gone.
    return first.verdict == Verdict::violated ? first : again;
  }
  if (again.verdict != Verdict::violated || first.verdict != Verdict::violated) {
    more = again.verdict == Verdict::violated || !again.reasons.empty();
    return again;
  }
  // What holds something else now is not over; what holds what it should is.
  std::set<std::string> before, now;
  for (const auto& violation : first.violations) before.insert(violation.fingerprint);
  for (const auto& violation : again.violations) now.insert(violation.fingerprint);
  CheckResult both = again;
  std::erase_if(both.violations,
                [&](const auto& violation) { return !before.contains(violation.fingerprint); });
  more = !again.reasons.empty();
  if (more)
    for (const auto& violation : first.violations)
      if (!now.contains(violation.fingerprint)) both.violations.push_back(violation);
  if (both.violations.empty()) both.verdict = both.reasons.empty() ? Verdict::ok : Verdict::unknown;
  return both;
}

void look_closer(guest::live::LiveGuest& guest, policies::Evaluator& evaluator, guest::live::MsrSource msrs,
                 std::vector<CheckResult>& results, const std::function<bool(const CheckResult&)>& doubted) {
  constexpr int kLooks = 5;
  std::set<const policies::Check*> checks;
  for (const CheckResult& result : results)
    if (needs_closer_look(result, doubted)) checks.insert(result.check);
  for (int look = 0; look < kLooks && !checks.empty(); ++look) {
    const auto again = evaluate_again(guest, evaluator, msrs, checks, false);
    if (!again) return;
    for (CheckResult& result : results) {
      if (!checks.contains(result.check)) continue;
      bool more = false;
      if (const CheckResult* now = find(*again, result.check)) result = closer(result, *now, more);
      if (!more) checks.erase(result.check);
    }
  }
}

void look_again(guest::live::LiveGuest& guest, policies::Evaluator& evaluator, guest::live::MsrSource msrs,
                std::vector<CheckResult>& results, const std::function<bool(const CheckResult&)>& doubted,
                Pauses* pauses) {
  std::set<const policies::Check*> running, paused;
  const auto again_at_once = [&](const CheckResult& result) {
    return result.verdict == Verdict::violated && doubted(result) &&
           (result.check->confirm == policies::Confirm::second_look ||
            result.check->confirm == policies::Confirm::paused);
  };
  for (const CheckResult& result : results)
    if (again_at_once(result))
      (result.check->confirm == policies::Confirm::paused ? paused : running).insert(result.check);
  for (const auto* wanted : {&running, &paused}) {
    if (wanted->empty()) continue;
    const auto again = evaluate_again(guest, evaluator, msrs, *wanted, wanted == &paused, pauses);
    for (CheckResult& result : results) {
      if (!wanted->contains(result.check)) continue;
      if (!again) {
        result = unconfirmed(result, again.error());
        continue;
      }
      if (const CheckResult* same = find(*again, result.check)) result = confirmed(result, *same);
    }
  }
}

}  // namespace ringside::agent
