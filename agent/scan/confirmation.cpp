// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/confirmation.h"

#include "agent/output/format.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

using policies::CheckResult;
using policies::ConfirmWindow;
using policies::Verdict;

bool Confirmation::over(const ConfirmWindow& window, Moment since, unsigned looks, Moment at) {
  // Looks on a period come some milliseconds early or late.
  return looks >= window.looks && at - since + window.pace() / 10 >= window.length;
}

/// Of one that is not confirmed: true if only the guest's own time is missing.
bool Confirmation::waits_for_guest(const ConfirmWindow& window, const Candidate& candidate, Moment at) {
  return window.guest_time && over(window, candidate.since, candidate.looks, at) &&
         at - candidate.since < GraceWait::kLongest;
}

bool Confirmation::over(const ConfirmWindow& window, const Candidate& candidate, Moment at) {
  // What stays is seen at least at every third look, however much cannot be read; what comes and goes is not.
  return over(window, candidate.since, candidate.looks, at) && 2 * candidate.looks >= candidate.without &&
         (!window.guest_time || candidate.grace.over(window.looks) ||
          at - candidate.since >= GraceWait::kLongest);
}

/// For how long something unconfirmed is kept in mind.
std::chrono::milliseconds Confirmation::patience(const ConfirmWindow& window, bool waits_for_guest) {
  const auto two = 2 * window.length;
  return waits_for_guest ? std::max<std::chrono::milliseconds>(two, GraceWait::kLongest) : two;
}

/// True if the check has shown something else at each look for so long that it has to be said.
bool Confirmation::flickers(const State& state, const ConfirmWindow& window, Moment at) {
  if (!over(window, state.since, state.looks, at)) return false;
  // What has been seen twice may yet stay; that is waited for, but not without end.
  const auto any = [&](const auto& holds) {
    return std::any_of(state.candidates.begin(), state.candidates.end(),
                       [&](const auto& one) { return holds(one.second); });
  };
  const bool may_stay = any([](const Candidate& one) { return one.looks > 1; });
  const bool waits = any([&](const Candidate& one) { return waits_for_guest(window, one, at); });
  return !may_stay || at - state.since >= patience(window, waits);
}

/// Something may be missing because it is in a part that could not be read; but not if nothing else was
/// unreadable when it was seen. Kernels of 32 bits never tell all.
bool Confirmation::Candidate::refuted_by(const std::vector<std::string>& reasons) const {
  return std::all_of(reasons.begin(), reasons.end(),
                     [&](const auto& reason) { return beside.contains(reason); });
}

void Confirmation::Candidate::seen_beside(const std::vector<std::string>& reasons) {
  for (const auto& reason : reasons)
    if (beside.size() < kMostBeside) beside.insert(reason);
}

void Confirmation::forget_old(State& state, const ConfirmWindow& window, Moment at) {
  std::erase_if(state.candidates, [&](const auto& one) {
    return at - one.second.since >= patience(window, waits_for_guest(window, one.second, at));
  });
}

void Confirmation::take(State& state, const CheckResult& look, Moment at, const GraceClock& grace) {
  const ConfirmWindow& window = look.check->window;
  if (state.looks++ == 0) state.since = at;
  std::map<std::string, Candidate> candidates;
  std::set<std::string> confirmed;
  for (const auto& violation : look.violations) {
    // Confirmed once, it stays what it is whatever its content becomes, until it is gone.
    if (state.confirmed.contains(violation.fingerprint)) {
      confirmed.insert(violation.fingerprint);
      continue;
    }
    if (candidates.contains(violation.identity)) continue;
    const auto known = state.candidates.find(violation.identity);
    Candidate candidate = known == state.candidates.end() ? Candidate{at, 0, 0, {}, {}} : known->second;
    ++candidate.looks;
    candidate.seen_beside(look.reasons);
    if (over(window, candidate, at))
      confirmed.insert(violation.fingerprint);
    else if (grace && window.guest_time)
      candidate.grace.look(grace());
    candidates.emplace(violation.identity, candidate);
  }
  if (!look.reasons.empty()) {
    // What is missing may be in the part that could not be read.
    confirmed.insert(state.confirmed.begin(), state.confirmed.end());
    for (const auto& [identity, candidate] : state.candidates)
      if (at - candidate.since < patience(window, waits_for_guest(window, candidate, at)) &&
          !candidate.refuted_by(look.reasons) && !candidates.contains(identity)) {
        Candidate kept = candidate;
        ++kept.without;
        candidates.emplace(identity, std::move(kept));
      }
  }
  state.candidates = std::move(candidates);
  state.confirmed = std::move(confirmed);
}

std::optional<CheckResult> Confirmation::weigh(const CheckResult& look, Moment at, const GraceClock& grace) {
  if (look.verdict == Verdict::unknown) {
    // What could not be read is not gone; but a check that can no longer look remembers nothing for ever.
    if (const auto known = checks_.find(look.check); known != checks_.end()) {
      known->second.undecided = false;
      forget_old(known->second, look.check->window, at);
      std::erase_if(known->second.candidates,
                    [&](const auto& one) { return one.second.refuted_by(look.reasons); });
      for (auto& [identity, candidate] : known->second.candidates) ++candidate.without;
      if (known->second.candidates.empty() && known->second.confirmed.empty()) checks_.erase(known);
    }
    return look;
  }
  if (look.verdict != Verdict::violated) {
    checks_.erase(look.check);
    return look;
  }
  State& state = checks_[look.check];
  take(state, look, at, grace);
  CheckResult said = look;
  std::erase_if(said.violations,
                [&](const auto& violation) { return !state.confirmed.contains(violation.fingerprint); });
  const ConfirmWindow& window = look.check->window;
  state.undecided = said.violations.empty() && !flickers(state, window, at);
  if (state.undecided) return std::nullopt;
  if (said.violations.empty()) {
    said.verdict = Verdict::unknown;
    said.reasons.push_back(
        fmt::format("each of {} in {} showed a violation, but another one each time; the last: {}",
                    counted(state.looks, "look"),
                    human_duration(std::chrono::round<std::chrono::seconds>(at - state.since)),
                    look.violations.front().message));
  }
  return said;
}

bool Confirmation::undecided(const policies::Check& check) const {
  const auto found = checks_.find(&check);
  return found != checks_.end() && found->second.undecided;
}

std::size_t Confirmation::undecided() const {
  return static_cast<std::size_t>(
      std::count_if(checks_.begin(), checks_.end(), [](const auto& one) { return one.second.undecided; }));
}

std::optional<std::chrono::milliseconds> Confirmation::pace() const {
  std::optional<std::chrono::milliseconds> shortest;
  for (const auto& [check, state] : checks_)
    if (state.undecided)
      shortest = shortest ? std::min(*shortest, check->window.pace()) : check->window.pace();
  return shortest;
}

}  // namespace ringside::agent
