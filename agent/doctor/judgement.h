// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/doctor/check.h"
#include "agent/doctor/facts.h"

#include <vector>

/// From facts to advice; looks at nothing.
namespace ringside::agent::doctor {

std::vector<Check> judge_host(const HostFacts& host);
std::vector<Check> judge_target(const TargetFacts& target, const Rights& rights);

}  // namespace ringside::agent::doctor
