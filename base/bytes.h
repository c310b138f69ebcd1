// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

static_assert(std::endian::native == std::endian::little, "ringside runs on little-endian hosts");

/// Little-endian integer at `offset`; nullopt if it does not lie wholly inside `bytes`.
template <std::unsigned_integral T>
[[nodiscard]] std::optional<T> load_le(ByteView bytes, std::size_t offset = 0) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

/// Big-endian integer at `offset`; nullopt if it does not lie wholly inside `bytes`.
template <std::unsigned_integral T>
[[nodiscard]] std::optional<T> load_be(ByteView bytes, std::size_t offset = 0) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>((value << 8) | std::to_integer<T>(bytes[offset + i]));
  return value;
}

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// "0f01ca", two lower-case digits a byte.
std::string to_hex(ByteView bytes);

/// The bytes of "0f01ca" (either case, white space between bytes allowed); nullopt for anything else.
std::optional<Bytes> from_hex(std::string_view text);

/// "0xffffffff81000000": how every address is shown.
std::string hex_address(std::uint64_t value);

/// An unsigned number, decimal or with 0x hexadecimal; nullopt for anything else, a sign and overflow
/// included.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace ringside
