// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/scan/grace_wait.h"
#include "policies/engine/evaluator.h"

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ringside::agent {

/// Decides over several looks at a running guest what checks with `confirm: {window, looks}` come to. A
/// violation counts once it was there, with the same identity (object, place and content), at each of so many
/// looks over the window; where the window says `guest_time`, not before the guest's kernel had time of its
/// own as well (GraceWait), which is waited for no longer than GraceWait::kLongest. What is another one each
/// time is work in progress; but a check that shows some violation at each look is never called clean. Knows
/// no clock: the moments are given.
class Confirmation {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  /// One look at one check, in the order of time. What may be said of it now: only confirmed violations;
  /// nullopt: nothing yet, there must be another look (`undecided()`). `grace` is asked only if something is
  /// not confirmed yet, and must tell what holds after the look; null: time alone counts.
  std::optional<policies::CheckResult> weigh(const policies::CheckResult& look, Moment at,
                                             const GraceClock& grace = nullptr);

  /// Checks of which nothing can be said yet.
  std::size_t undecided() const;
  /// True if `weigh` has said nothing of this check at the last look.
  bool undecided(const policies::Check& check) const;
  /// How soon there should be another look: the shortest pace of the undecided checks; nullopt: there are
  /// none.
  std::optional<std::chrono::milliseconds> pace() const;
  /// Begins anew, as after a reset of the guest.
  void clear() { checks_.clear(); }

 private:
  /// A violation that was seen and is not confirmed.
  struct Candidate {
    Moment since{};
    unsigned looks = 0;
    unsigned without = 0;  ///< looks that did not show it, and could not read all
    GraceWait grace{};
    /// What could not be read when it was seen all the same, at most kMostBeside: a guest can make up
    /// reasons.
    std::set<std::string> beside{};
    /// True if a look that could not read `reasons`, and did not show it, says that it is gone.
    bool refuted_by(const std::vector<std::string>& reasons) const;
    void seen_beside(const std::vector<std::string>& reasons);
    static constexpr std::size_t kMostBeside = 32;
  };
  struct State {
    std::map<std::string, Candidate> candidates;  ///< by identity
    std::set<std::string> confirmed;              ///< fingerprints
    Moment since{};                               ///< since when each look has shown some violation
    unsigned looks = 0;
    bool undecided = false;
  };
  static void forget_old(State& state, const policies::ConfirmWindow& window, Moment at);
  static void take(State& state, const policies::CheckResult& look, Moment at, const GraceClock& grace);
  static bool over(const policies::ConfirmWindow& window, Moment since, unsigned looks, Moment at);
  static bool over(const policies::ConfirmWindow& window, const Candidate& candidate, Moment at);
  static bool waits_for_guest(const policies::ConfirmWindow& window, const Candidate& candidate, Moment at);
  static std::chrono::milliseconds patience(const policies::ConfirmWindow& window, bool waits_for_guest);
  static bool flickers(const State& state, const policies::ConfirmWindow& window, Moment at);

  std::map<const policies::Check*, State> checks_;  ///< those of which the last look showed a violation
};

}  // namespace ringside::agent
