// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/linux/linux_macro.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

inline constexpr std::byte kCall{0xe8}, kJump{0xe9}, kShortJump{0xeb}, kInt3{0xcc}, kNop{0x90};
/// Bytes of a call or jump with a 32-bit displacement.
inline constexpr std::size_t kBranchSize = 5;

/// The call or jump at `at` that goes to `target`.
inline Bytes branch(std::byte opcode, std::uint64_t at, std::uint64_t target) {
  Bytes code(kBranchSize, opcode);
  const auto displacement = static_cast<std::uint32_t>(target - at - kBranchSize);
  std::memcpy(&code[1], &displacement, sizeof displacement);
  return code;
}

/// Where an instruction of `size` bytes at `at` goes whose last four bytes are its displacement; `bits`: 32
/// wraps.
inline std::optional<std::uint64_t> branch_target(ByteView code, std::uint64_t at, unsigned bits = 64) {
  if (code.size() < kBranchSize) return std::nullopt;
  const auto displacement = static_cast<std::int32_t>(*load_le<std::uint32_t>(code, code.size() - 4));
  const std::uint64_t target = at + code.size() + static_cast<std::uint64_t>(std::int64_t{displacement});
  return bits == 64 ? target : target & 0xffffffff;
}

}  // namespace ringside::guest::linux
