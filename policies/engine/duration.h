// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace ringside::policies {

/// "500ms", "1s", "5m", "1h": a whole number with its unit, as policies write it. nullopt: it is none.
std::optional<std::chrono::milliseconds> parse_duration(const std::string& text);

inline constexpr const char* kDurationHint = "a whole number with ms, s, m or h: 500ms, 1s, 5m";

}  // namespace ringside::policies
