// SPDX-License-Identifier: Apache-2.0
#include "agent/output/format.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

namespace ringside::agent {

std::string human_size(std::uint64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} {}", bytes, bytes == 1 ? "byte" : "bytes");
  std::size_t unit = 0;
  std::uint64_t divisor = 1;
  while (unit + 1 < kUnits.size() && bytes / divisor >= 1024) {
    divisor *= 1024;
    ++unit;
  }
  if (bytes % divisor == 0) return fmt::format("{} {}", bytes / divisor, kUnits[unit]);
  return fmt::format("{:.1f} {}", static_cast<double>(bytes) / static_cast<double>(divisor), kUnits[unit]);
}

std::string rfc3339(std::chrono::sys_time<std::chrono::microseconds> time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto fraction = (time - seconds).count();
  const auto broken_down = fmt::gmtime(std::chrono::system_clock::to_time_t(seconds));
  if (fraction == 0) return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", broken_down);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", broken_down, fraction);
}

std::string human_duration(std::chrono::microseconds duration) {
  const auto us = static_cast<double>(duration.count());
  // "1 s", but "1.5 s".
  const auto tenths = [](double value) {
    const std::string text = fmt::format("{:.1f}", value);
    return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
  };
  if (us < 1'000) return tenths(us) + " us";
  if (us < 1'000'000) return tenths(us / 1e3) + " ms";
  return tenths(us / 1e6) + " s";
}

std::string counted(std::uint64_t count, std::string_view noun) {
  if (count != 1 && noun.ends_with("cy"))
    return fmt::format("{} {}ies", count, noun.substr(0, noun.size() - 1));
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto wrong = [&] {
    return fail(Errc::invalid_argument, fmt::format("\"{}\" is no duration", text),
                "write it like 500ms, 2s, 1.5s, 5m or 1h; at most 24h");
  };
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return wrong();
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const double factor = unit == "ms"                  ? 1
                        : unit == "s" || unit.empty() ? 1e3
                        : unit == "m"                 ? 60e3
                        : unit == "h"                 ? 3600e3
                                                      : 0;
  const double milliseconds = number * factor;
  if (!std::isfinite(milliseconds) || milliseconds < 1 || milliseconds > 24 * 3600e3) return wrong();
  return std::chrono::milliseconds(std::llround(milliseconds));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto wrong = [&] {
    return fail(Errc::invalid_argument, fmt::format("\"{}\" is no size", text),
                "write a number of bytes, decimal or 0x hexadecimal, or with K, M or G behind it");
  };
  std::string_view digits = text;
  unsigned shift = 0;
  // A hexadecimal number ends in no unit: none of K, M and G is a hexadecimal digit, so there is no
  // ambiguity.
  if (!digits.empty()) {
    const char unit = digits.back();
    shift = unit == 'K' || unit == 'k'   ? 10
            : unit == 'M' || unit == 'm' ? 20
            : unit == 'G' || unit == 'g' ? 30
                                         : 0;
    if (shift != 0) digits.remove_suffix(1);
  }
  const auto number = parse_number(digits);
  if (!number || *number > (std::numeric_limits<std::uint64_t>::max() >> shift)) return wrong();
  return *number << shift;
}

std::string hexdump(std::uint64_t address, ByteView bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    const ByteView line = bytes.subspan(at, std::min<std::size_t>(16, bytes.size() - at));
    fmt::format_to(std::back_inserter(out), "{:016x} ", address + at);
    for (std::size_t i = 0; i < 16; ++i) {
      if (i == 8) out += ' ';
      if (i < line.size())
        fmt::format_to(std::back_inserter(out), " {:02x}", std::to_integer<unsigned>(line[i]));
      else
        out += "   ";
    }
    out += "  |";
    for (const std::byte b : line) {
      const auto c = std::to_integer<unsigned char>(b);
      out += c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '.';
    }
    out += "|\n";
  }
  return out;
}

}  // namespace ringside::agent
