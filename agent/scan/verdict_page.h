// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/style.h"
#include "policies/engine/evaluator.h"

#include <string>
#include <vector>

namespace ringside::agent {

/// One scan for people, on one page of kPageWidth columns if nothing is wrong: what each subject came to, the
/// findings with their evidence and what to do, and the bottom line.
struct VerdictPage {
  std::string heading;  ///< who was looked at, and when
  const std::vector<policies::CheckResult>& results;
  std::string note{};  ///< what limits the scan as a whole; empty: nothing does
};
std::string render(const VerdictPage& page, const Style& style);

}  // namespace ringside::agent
