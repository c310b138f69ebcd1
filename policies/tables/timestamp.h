// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace ringside::policies {

/// RFC 3339, UTC, milliseconds: "2026-01-31T12:00:00.125Z". Years beyond 9999, which RFC 3339 does not have,
/// as they come.
std::string timestamp(std::chrono::sys_time<std::chrono::milliseconds> when);

}  // namespace ringside::policies
