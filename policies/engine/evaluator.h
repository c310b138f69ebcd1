// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/read_set.h"
#include "guest/snapshot.h"
#include "policies/engine/baseline.h"
#include "policies/engine/database.h"
#include "policies/engine/policy.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ringside::policies {

enum class Verdict {
  ok,
  violated,
  unknown,         ///< could not be checked, `reasons` say why; never shown as clean
  not_applicable,  ///< the policy's selector does not match this guest
};
std::string_view to_string(Verdict verdict);

struct Violation {
  std::string message;      ///< the template filled in
  std::string fingerprint;  ///< stable identity: policy, check and key columns; not the changing values
  std::vector<QueryColumn> columns;
  std::vector<Value> row;
  std::string identity;  ///< the fingerprint and the content: what stays the same while nothing changes
};

struct CheckResult {
  const Policy* policy = nullptr;
  const Check* check = nullptr;
  Verdict verdict = Verdict::unknown;
  std::vector<Violation> violations;
  std::vector<std::string>
      reasons;  ///< of `unknown`; also beside violations, when the table was read in part
};

/// Evaluates policies over snapshots and keeps each policy's last verdict with its read set.
/// Not thread-safe.
class Evaluator {
 public:
  /// `policies` must outlive it.
  static Result<std::unique_ptr<Evaluator>> create(const std::vector<Policy>& policies);
  virtual ~Evaluator() = default;
  /// nullptr: none (checks that need one are `unknown`).
  virtual Result<void> set_baseline(const Baseline* baseline) = 0;

  /// Evaluates everything afresh.
  virtual std::vector<CheckResult> evaluate(guest::Snapshot& snapshot) = 0;
  /// Evaluates one policy afresh.
  virtual std::vector<CheckResult> evaluate(const Policy& policy, guest::Snapshot& snapshot) = 0;
  /// Evaluates these checks afresh, and no other. What a tick says of the others still rests on what they
  /// were computed from.
  virtual std::vector<CheckResult> evaluate(const std::set<const Check*>& checks,
                                            guest::Snapshot& snapshot) = 0;

  /// A tick: policies whose read set and registers are unchanged since the last tick keep their verdicts; the
  /// others are evaluated on `snapshot`. `evaluated`, if given, counts them. Policies that are not `due`
  /// (null: all are) are left out, also of the answer.
  virtual std::vector<CheckResult> tick(guest::Snapshot& snapshot, guest::memory::PhysicalMemory& memory,
                                        unsigned* evaluated = nullptr,
                                        const std::function<bool(const Policy&)>& due = nullptr) = 0;
};

}  // namespace ringside::policies
