// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringside::agent {

/// "4.0 KiB", "256 MiB": binary units, exact where it is exact.
std::string human_size(std::uint64_t bytes);
/// "2026-01-31T12:00:00Z" (RFC 3339, UTC), with microseconds where they are not zero.
std::string rfc3339(std::chrono::sys_time<std::chrono::microseconds> time);
/// "1.5 s", "2 ms", "40 us".
std::string human_duration(std::chrono::microseconds duration);
/// "3 checks", "1 check".
std::string counted(std::uint64_t count, std::string_view noun);

/// "500ms", "2s", "1.5s", "5m", "1h", or a bare number of seconds; above zero and at most a day.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "4096", "0x1000", "64K", "2M", "1G" (binary units).
Result<std::uint64_t> parse_size(std::string_view text);

/// Sixteen bytes a line with the address of the first and the characters, as `hexdump -C` shows them.
std::string hexdump(std::uint64_t address, ByteView bytes);

}  // namespace ringside::agent
