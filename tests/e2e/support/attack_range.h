// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/live/live_guest.h"
#include "policies/engine/evaluator.h"
#include "tests/e2e/support/attack.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ringside::lab {

/// What the policies that ship say of one guest, over and over while attacks come and go. The guest must
/// stand still all the time, so that what changes in a verdict is what an attack changed.
class AttackRange {
 public:
  /// Takes the baseline and the first verdicts. `live` must outlive it.
  static Result<std::unique_ptr<AttackRange>> open(guest::live::LiveGuest& live);

  /// "policy/check" with the messages of its violations, before any attack. Empty on a healthy guest.
  const std::map<std::string, std::vector<std::string>>& before() const { return before_; }

  /// What came of one attack.
  struct Outcome {
    bool applies = true;  ///< this kernel has what it changes
    /// Why the check cannot tell, in a 32-bit kernel: nothing was changed, or it says the same with it.
    /// Empty: it can.
    std::string unknown;
    std::vector<std::string> seen;    ///< the messages of the check that must report it
    std::vector<std::string> beside;  ///< other checks that see it too, with a message of each
    std::vector<std::string> wrong;   ///< whatever was not as it should be, a line each
    double scan_ms = 0;               ///< from the changed memory to the verdicts
    unsigned evaluated = 0;           ///< policies that had to be evaluated again
  };
  /// Changes the guest, looks, undoes it, and looks again.
  Outcome run(const Attack& attack);

 private:
  using Verdicts = std::map<std::string, policies::CheckResult>;
  explicit AttackRange(guest::live::LiveGuest& live) : live_(live) {}
  Result<std::vector<guest::live::LiveGuest::PhysicalWrite>> plan(const std::vector<Poke>& pokes,
                                                                  guest::linux::Kernel& kernel);
  Result<Verdicts> look(Outcome* outcome = nullptr);
  void judge(const Attack& attack, const Verdicts& verdicts, Outcome& outcome) const;

  guest::live::LiveGuest& live_;
  std::vector<policies::Policy> policies_;
  std::unique_ptr<policies::Evaluator> evaluator_;
  std::unique_ptr<policies::Database> database_;
  std::map<std::string, std::vector<std::string>> before_;
  std::map<std::string, std::string> unknown_;  ///< of a 32-bit kernel: what cannot be told of it, and why
  std::set<std::string> not_for_it_;            ///< of a 32-bit kernel: checks that are not for such a guest
};

}  // namespace ringside::lab
