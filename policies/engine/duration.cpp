// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/duration.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace ringside::policies {

std::optional<std::chrono::milliseconds> parse_duration(const std::string& text) {
  struct Unit {
    std::string_view suffix;
    std::int64_t milliseconds;
  };
  static constexpr std::array kUnits = {Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000},
                                        Unit{"h", 3'600'000}};
  const std::size_t digits = text.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string::npos || digits > 9) return std::nullopt;
  for (const auto& unit : kUnits)
    if (text.compare(digits, std::string::npos, unit.suffix) == 0)
      return std::chrono::milliseconds(std::stoll(text.substr(0, digits)) * unit.milliseconds);
  return std::nullopt;
}

}  // namespace ringside::policies
