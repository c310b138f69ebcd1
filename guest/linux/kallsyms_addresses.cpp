// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kallsyms_addresses.h"

#include "guest/linux/kallsyms_tokens.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace ringside::guest::linux {
namespace {

constexpr std::size_t align_up(std::size_t at, std::size_t alignment) {
  return (at + alignment - 1) & ~(alignment - 1);
}

bool inside(ByteView window, std::size_t at, std::size_t length) {
  return at <= window.size() && window.size() - at >= length;
}

/// Addresses that must be symbols: all of them or, if there are more, at least three.
constexpr std::size_t kFunctionsMet = 3;

bool plausible(ByteView window, const KallsymsTables& tables, const AddressDecoder& decode,
               std::span<const std::uint64_t> functions) {
  std::size_t met = 0;
  auto function = functions.begin();
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < tables.count; ++i) {
    const std::uint64_t address = decode(i, *load_le<std::uint32_t>(window, tables.offsets + 4 * i));
    if (address < before) return false;
    before = address;
    while (function != functions.end() && *function < address) ++function;
    if (function != functions.end() && *function == address) {
      ++met;
      ++function;
    }
  }
  return met >= std::min(kFunctionsMet, functions.size());
}

/// Where the two tables may stand (scripts/kallsyms.c). Up to 6.3 before num_syms, each label aligned to the
/// pointer size: with an odd count there are four bytes between them on 64 bits. Later after token_index.
struct Place {
  std::size_t offsets, relative_base;
};
std::array<std::optional<Place>, 2> places(const KallsymsTables& tables) {
  std::array<std::optional<Place>, 2> all;
  const std::size_t pointer = tables.pointer_size, bytes = 4 * std::size_t{tables.count};
  if (const std::size_t before = align_up(bytes, pointer) + pointer; tables.num_syms >= before)
    all[0] = Place{tables.num_syms - before, tables.num_syms - pointer};
  const std::size_t after = tables.token_index + kTokenIndexSize;
  all[1] = Place{after, align_up(after + bytes, pointer)};
  return all;
}

std::optional<std::uint64_t> pointer_at(ByteView window, std::size_t at, unsigned pointer_size) {
  if (pointer_size == 8) return load_le<std::uint64_t>(window, at);
  return load_le<std::uint32_t>(window, at);
}

}  // namespace

AddressDecoder AddressDecoder::of(const KallsymsTables& tables, Gva window_start) {
  const std::uint64_t mask = tables.pointer_size == 8 ? ~std::uint64_t{0} : 0xffffffff;
  return {tables.encoding, tables.relative_base, window_start.value + tables.offsets, mask};
}

Result<void> find_addresses(ByteView window, Gva window_start, std::span<const std::uint64_t> functions,
                            KallsymsTables& tables) {
  std::vector<std::uint64_t> wanted(functions.begin(), functions.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());

  for (const auto& place : places(tables)) {
    if (!place || !inside(window, place->offsets, 4 * std::size_t{tables.count})) continue;
    for (const auto encoding : {KallsymsEncoding::absolute_percpu, KallsymsEncoding::base_relative,
                                KallsymsEncoding::pc_relative}) {
      KallsymsTables guess = tables;
      guess.encoding = encoding;
      guess.offsets = place->offsets;
      if (encoding != KallsymsEncoding::pc_relative) {
        const auto base = pointer_at(window, place->relative_base, tables.pointer_size);
        if (!base) continue;
        guess.relative_base_at = place->relative_base;
        guess.relative_base = *base;
      }
      if (!plausible(window, guess, AddressDecoder::of(guess, window_start), wanted)) continue;
      tables = guess;
      return {};
    }
  }
  return fail(Errc::not_found, "no table of addresses that rise and that the known functions are in");
}

}  // namespace ringside::guest::linux
