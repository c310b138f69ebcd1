// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/backing_files.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ringside::guest::linux {

namespace {

// FMODE_BACKING was bit 25, and is bit 24 since 6.14 and in later releases of 6.12, where bit 25 took on
// another meaning (include/linux/fs.h). No type information tells which.
constexpr std::uint64_t kEarlier = std::uint64_t{1} << 25, kLater = std::uint64_t{1} << 24;

/// alloc_empty_backing_file() sets FMODE_BACKING and FMODE_NOACCOUNT, bit 29, at once: an immediate operand
/// in its code.
std::optional<std::uint64_t> bit_in_code(Kernel& kernel) {
  constexpr std::uint64_t kNoAccount = std::uint64_t{1} << 29;
  constexpr std::uint64_t kMaxCode = 1024;
  const auto start = kernel.find_symbol("alloc_empty_backing_file");
  if (!start) return std::nullopt;
  std::array<std::byte, kMaxCode> code{};
  const auto& symbols = kernel.symbols();
  std::uint64_t size = 0;
  if (auto index = symbols.at_or_before(start->value, kernel.slide()))
    while (++*index < symbols.size() && size == 0)
      size = symbols.address(*index, kernel.slide()) - start->value;
  size = std::min(size, kMaxCode);
  if (!kernel.space().read(*start, std::span(code).first(size))) return std::nullopt;
  std::optional<std::uint64_t> found;
  for (std::size_t at = 0; at + 4 <= size; ++at) {
    const auto word = load_le<std::uint32_t>(code, at);
    if (word != (kNoAccount | kEarlier) && word != (kNoAccount | kLater)) continue;
    const std::uint64_t bit = *word & ~kNoAccount;
    if (found && *found != bit) return std::nullopt;
    found = bit;
  }
  return found;
}

}  // namespace

std::optional<BackingFiles> backing_files(Kernel& kernel) {
  const auto user_path = kernel.field("backing_file", "user_path");
  if (!user_path) return std::nullopt;
  BackingFiles found{*user_path, 0};
  if (const auto bit = bit_in_code(kernel)) {
    found.mode_bit = *bit;
  } else {
    const std::pair release(kernel.identity().major, kernel.identity().minor);
    found.mode_bit = release < std::pair(6u, 14u) ? kEarlier : kLater;
  }
  return found;
}

}  // namespace ringside::guest::linux
