// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/evaluator.h"

#include <cstddef>
#include <string>
#include <vector>

namespace ringside::agent {

/// What the checks of one policy came to: a subject of the verdict.
struct Subject {
  const policies::Policy* policy = nullptr;
  std::vector<const policies::CheckResult*> checks;

  /// The worst of its checks: violated, then unknown, then ok; not applicable if all are.
  policies::Verdict verdict() const;
  std::size_t count(policies::Verdict verdict) const;
  std::size_t findings() const;
  /// Why checks are unknown, or what of a violated one could not be read: each reason once, as the checks
  /// have them.
  std::vector<std::string> reasons() const;
};

/// The results by policy, in their order. They refer to `results`.
std::vector<Subject> subjects_of(const std::vector<policies::CheckResult>& results);

}  // namespace ringside::agent
