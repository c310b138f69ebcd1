// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace ringside::agent {

/// The opposite of rfc3339(): "2026-01-31T12:00:00Z", up to six digits of a second's fraction; UTC ("Z")
/// only. nullopt: anything else, days that do not exist included.
std::optional<std::chrono::sys_time<std::chrono::microseconds>> parse_rfc3339(std::string_view text);

}  // namespace ringside::agent
