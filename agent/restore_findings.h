// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/restore_plan.h"
#include "policies/engine/evaluator.h"

#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// A finding that says itself what is to stand where: its row has columns `gva`, `expected` and `actual`.
struct RestorableFinding {
  std::string check;  ///< "policy/check"
  std::string fingerprint;
  guest::Gva gva;
  Bytes expected, actual;  ///< of equal length
};

/// The bytes that a violation wants back. `expected` and `actual` are bytes, or pointers (columns of
/// addresses) of `pointer_size` bytes. nullopt: its row does not say so.
std::optional<RestorableFinding> restorable(const policies::CheckResult& result,
                                            const policies::Violation& violation, unsigned pointer_size);

/// Adds to `plan` what puts the violations of `results` back that say how; those named in `wanted` by their
/// fingerprints, or all if it is empty. Bytes that are no longer what the finding saw are not touched.
void plan_findings(RestorePlan& plan, const std::vector<policies::CheckResult>& results,
                   guest::Snapshot& snapshot, const std::vector<std::string>& wanted);

/// Leaves in `plan` only the steps that undo the findings in `wanted`: by fingerprint, or because the finding
/// is of the same row of the same table (`vcpu` and `vector` or `entry`; `abi` and `nr`). Fingerprints that
/// nothing can be put back for, or that no finding has, become not possible.
void keep_wanted(RestorePlan& plan, const std::vector<policies::CheckResult>& results,
                 const std::vector<std::string>& wanted);

}  // namespace ringside::agent
