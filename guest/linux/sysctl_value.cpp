// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl_value.h"

#include <algorithm>
#include <cstring>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::uint64_t kUserHz = 100;  // USER_HZ of x86

/// The numbers at `data`, tab between them.
template <class T, class Write>
std::string list(ByteView data, Write&& write) {
  std::string text;
  for (std::size_t at = 0; at + sizeof(T) <= data.size(); at += sizeof(T)) {
    if (at > 0) text += '\t';
    T value;
    std::memcpy(&value, data.data() + at, sizeof(T));
    text += write(value);
  }
  return text;
}

std::string plain(auto value) {
  return std::to_string(value);
}

/// Jiffies whose size is converted and whose sign is kept.
template <class Convert>
std::string scaled(ByteView data, Convert&& convert) {
  return list<std::int32_t>(data, [&](std::int32_t value) {
    const auto size = static_cast<std::uint64_t>(value < 0 ? -std::int64_t{value} : std::int64_t{value});
    return (value < 0 ? "-" : "") + std::to_string(convert(size));
  });
}

/// jiffies_to_msecs(), kernel/time/time.c: rounded up where a tick is no whole number of milliseconds.
std::uint64_t to_milliseconds(std::uint64_t jiffies, unsigned hz) {
  return (jiffies * 1000 + hz - 1) / hz;
}

}  // namespace

std::optional<std::string> format_sysctl(SysctlFormat format, ByteView data, unsigned word,
                                         std::optional<unsigned> hz) {
  switch (format) {
    case SysctlFormat::text: {
      const auto* first = reinterpret_cast<const char*>(data.data());
      return std::string(first, data.empty() ? 0 : strnlen(first, data.size()));
    }
    case SysctlFormat::boolean:
    case SysctlFormat::bytes:
      return list<std::uint8_t>(data, plain<unsigned>);
    case SysctlFormat::integers:
      return list<std::int32_t>(data, plain<std::int32_t>);
    case SysctlFormat::unsigneds:
      return list<std::uint32_t>(data, plain<std::uint32_t>);
    case SysctlFormat::longs:
      return word == 8 ? list<std::uint64_t>(data, plain<std::uint64_t>)
                       : list<std::uint32_t>(data, plain<std::uint32_t>);
    case SysctlFormat::uuid: {
      std::string text = to_hex(data);
      for (const std::size_t dash : {8, 13, 18, 23})
        if (dash < text.size()) text.insert(dash, 1, '-');
      return text;
    }
    default:
      break;
  }
  if (!hz || *hz == 0) return std::nullopt;
  const std::uint64_t ticks = *hz;
  switch (format) {
    case SysctlFormat::longs_ms:
      // As the kernel computes it, in a long (do_proc_doulongvec_minmax()).
      if (word == 8)
        return list<std::uint64_t>(data, [&](std::uint64_t v) { return plain(1000 * v / ticks); });
      return list<std::uint32_t>(
          data, [&](std::uint32_t v) { return plain(1000 * v / static_cast<std::uint32_t>(ticks)); });
    case SysctlFormat::seconds:
      return scaled(data, [&](std::uint64_t v) { return v / ticks; });
    case SysctlFormat::milliseconds:
      return scaled(data, [&](std::uint64_t v) { return to_milliseconds(v, *hz); });
    case SysctlFormat::user_ticks:
      return scaled(data, [&](std::uint64_t v) {
        return v * (kNanosecondsPerSecond / ticks) / (kNanosecondsPerSecond / kUserHz);
      });
    default:
      return std::nullopt;
  }
}

std::string format_bitmap(ByteView bits) {
  const std::size_t count = bits.size() * 8;
  const auto set = [&](std::size_t bit) {
    return (std::to_integer<unsigned>(bits[bit / 8]) >> (bit % 8) & 1) != 0;
  };
  std::string text;
  for (std::size_t first = 0; first < count; ++first) {
    if (!set(first)) continue;
    std::size_t last = first;
    while (last + 1 < count && set(last + 1)) ++last;
    if (!text.empty()) text += ',';
    text += std::to_string(first);
    if (last > first) text += "-" + std::to_string(last);
    first = last;
  }
  return text;
}

}  // namespace ringside::guest::linux
