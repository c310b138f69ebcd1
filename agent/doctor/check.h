// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outcome.h"
#include "agent/output/json.h"
#include "agent/output/style.h"

#include <string>
#include <vector>

namespace ringside::agent::doctor {

enum class Verdict { ok, problem, unknown };

/// One line of the doctor's list.
struct Check {
  std::string id;  ///< one word for programs: "monitor"
  Verdict verdict = Verdict::unknown;
  std::string finding;  ///< one line
  std::string hint{};   ///< what to do; empty: nothing to do
};

std::string render(const std::vector<Check>& checks, const Style& style);
Json to_json(const std::vector<Check>& checks);
/// Exit::clean if all is well, else Exit::unchecked; Exit::not_attached if a check of the ids that attaching
/// needs ("target", "monitor", "memory") is a problem.
Exit exit_of(const std::vector<Check>& checks);

}  // namespace ringside::agent::doctor
