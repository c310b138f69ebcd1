// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/json.h"
#include "agent/output/style.h"

#include <string>

namespace ringside::agent {

/// `severity` in its colour.
std::string colored_severity(const std::string& severity, const Style& style);
/// "open", "resolved", with "acknowledged" or "suppressed" behind it.
std::string finding_state(const Json& finding);
/// All that a finding's document says, for people.
std::string finding_page(const Json& finding, const Style& style);

}  // namespace ringside::agent
