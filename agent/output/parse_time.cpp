// SPDX-License-Identifier: Apache-2.0
#include "agent/output/parse_time.h"

#include <charconv>

namespace ringside::agent {

namespace {

/// Takes `digits` digits off the front, and `then` behind them.
std::optional<int> take(std::string_view& text, std::size_t digits, std::string_view then) {
  if (text.size() < digits + then.size() || text.substr(digits, then.size()) != then) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits + then.size());
  return value;
}

}  // namespace

std::optional<std::chrono::sys_time<std::chrono::microseconds>> parse_rfc3339(std::string_view text) {
  namespace chrono = std::chrono;
  const auto year = take(text, 4, "-"), month = take(text, 2, "-"), day = take(text, 2, "T");
  const auto hour = take(text, 2, ":"), minute = take(text, 2, ":"), second = take(text, 2, "");
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const chrono::year_month_day date(chrono::year{*year}, chrono::month{static_cast<unsigned>(*month)},
                                    chrono::day{static_cast<unsigned>(*day)});
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  chrono::microseconds fraction{};
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (text.size() < 2 || text.size() > 7) return std::nullopt;
    for (std::int64_t unit = 100'000; text.size() > 1; unit /= 10) {
      const auto digit = take(text, 1, "");
      if (!digit) return std::nullopt;
      fraction += chrono::microseconds(*digit * unit);
    }
  }
  if (text != "Z") return std::nullopt;
  return chrono::sys_days(date) + chrono::hours(*hour) + chrono::minutes(*minute) + chrono::seconds(*second) +
         fraction;
}

}  // namespace ringside::agent
