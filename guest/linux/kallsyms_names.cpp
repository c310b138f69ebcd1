// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kallsyms_names.h"

#include "guest/linux/kallsyms.h"

#include <algorithm>

namespace ringside::guest::linux {
namespace {

/// Fewest markers of what is taken for kallsyms; every kernel has far more than 1000 symbols.
constexpr std::size_t kMinMarkers = 4;
/// Bytes of 256 names: at least a length and a type each, and on average no longer than any kernel's.
constexpr std::uint32_t kMinChunk = kMarkerStride * 2, kMaxChunk = kMarkerStride * 130;
/// From the token table back to the first marker: the markers and, in 6.1, three bytes a symbol.
constexpr std::size_t kMaxDistance = std::size_t{kMaxSymbols} * 3 + kMaxSymbols / kMarkerStride * 4 + 64;
/// Tables are aligned to 8 bytes at most.
constexpr std::size_t kMaxPadding = 8;

std::uint32_t word(ByteView window, std::size_t at) {
  return load_le<std::uint32_t>(window, at).value_or(0);
}

/// The names that end before `count` markers.
std::optional<NameTables> names_before(ByteView window, std::size_t markers, std::size_t count,
                                       StepBudget& budget) {
  const std::size_t last = word(window, markers + 4 * (count - 1));
  if (last + kMaxPadding > markers) return std::nullopt;
  const std::size_t top = (markers - last) & ~std::size_t{3};
  const std::size_t bottom = std::max(kMaxPadding, top - std::min<std::size_t>(top, kMaxChunk));
  for (std::size_t names = top; names >= bottom; names -= 4) {
    if (!budget.spend(1)) return std::nullopt;
    // One label after the other, aligned to 4 or to 8 bytes.
    for (const std::size_t back : {4, 8}) {
      const std::uint32_t symbols = word(window, names - back);
      if (symbols == 0 || symbols > kMaxSymbols || (symbols - 1) / kMarkerStride + 1 != count) continue;
      const auto end = walk_names(window, names, markers, symbols, budget);
      if (end && markers - *end < kMaxPadding) return NameTables{symbols, names - back, names, *end, markers};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> walk_names(ByteView window, std::size_t names, std::size_t markers,
                                      std::uint32_t count, StepBudget& budget) {
  std::size_t at = names;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i % kMarkerStride == 0) {
      if (!budget.spend(std::min(kMarkerStride, count - i))) return std::nullopt;
      if (at - names != word(window, markers + 4 * std::size_t{i / kMarkerStride})) return std::nullopt;
    }
    const auto name = compressed_name(window, at);
    if (!name) return std::nullopt;
    at = name->end();
  }
  return at;
}

Result<NameTables> find_names(ByteView window, std::size_t token_table, StepBudget& budget) {
  const std::size_t top = std::min(token_table, window.size()) & ~std::size_t{3};
  const std::size_t bottom = top - std::min(top, kMaxDistance);
  // Backwards, with the length of the rising run that starts at each word: the markers are a run from 0.
  std::size_t run = 1;
  std::uint32_t next = 0;
  bool seen = false;
  for (std::size_t at = top; at >= bottom + 4;) {
    at -= 4;
    if (!budget.spend(1)) break;
    const std::uint32_t value = word(window, at);
    const bool rising =
        at + 4 < top && next >= value && next - value >= kMinChunk && next - value <= kMaxChunk;
    run = rising ? run + 1 : 1;
    next = value;
    if (value != 0 || run < kMinMarkers) continue;
    seen = true;
    // What follows the markers may look like one more of them.
    for (const std::size_t extra : {0, 1, 2})
      if (run >= kMinMarkers + extra)
        if (const auto tables = names_before(window, at, run - extra, budget)) return *tables;
  }
  if (!budget.spend(1))
    return fail(Errc::not_found, "too many places before the token table look like markers");
  return fail(Errc::not_found, seen ? "no names that fit the markers before the token table"
                                    : "no markers before the token table");
}

}  // namespace ringside::guest::linux
