// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/evaluator.h"
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/rootkit.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ringside::lab {

/// What the policies that ship say of a running guest in which attacks are loaded and unloaded.
class RootkitRange {
 public:
  /// Attaches to a guest that is at rest, and takes the baseline.
  static Result<std::unique_ptr<RootkitRange>> open(Guest& guest);

  struct Outcome {
    enum class Kind { found, unknown, missed, absent } kind = Kind::missed;
    /// The finding; of `absent` why there is nothing to attack, or why the check is not for this guest; of
    /// `unknown`, for which only a 32-bit kernel is excused, what the check says that it cannot tell.
    std::string message;
    std::vector<std::string> beside;  ///< other checks that report it too
    std::vector<std::string> wrong;   ///< whatever was not as it should be, a line each
  };
  /// Starts the attack in the guest, looks, undoes it, and looks again. What it cannot undo counts as known
  /// from then on.
  Outcome run(const Rootkit& kit);

  /// What is reported and not known, "policy/check: message", at several looks in a row: nothing, on a
  /// healthy guest.
  Result<std::vector<std::string>> standing();

 private:
  using Findings = std::map<std::string, std::vector<std::string>>;  ///< messages by "policy/check"
  explicit RootkitRange(Guest& guest) : guest_(guest) {}
  /// What one look shows and is not known, of all policies or of one.
  Result<Findings> look(const policies::Policy* only = nullptr);
  /// Takes what there is to be seen as known.
  void know();
  Result<std::string> fill_in(const std::string& command);
  /// Runs `Rootkit::before` or `after`, and takes a new baseline.
  Result<void> prepare(const std::string& command);
  Result<void> take_baseline();
  /// Finds the checks that are not for this guest.
  Result<void> leave_out();
  /// Why a check cannot tell at this look; empty: it can.
  Result<std::string> unknown(const std::string& check);
  void judge(const Rootkit& kit, Outcome& outcome);

  Guest& guest_;
  std::unique_ptr<Attached> attached_;
  std::vector<policies::Policy> policies_;
  std::unique_ptr<policies::Evaluator> evaluator_;
  bool narrow_ = false;                            ///< a 32-bit kernel
  std::map<std::string, std::string> not_for_it_;  ///< checks that are not for such a guest, and why
  std::unique_ptr<policies::Database> database_;
  Findings known_;
};

}  // namespace ringside::lab
