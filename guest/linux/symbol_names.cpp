// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/symbol_names.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {
namespace {

// A polynomial in this factor modulo 2^64: the hash of "ab" follows from those of "a" and "b", so that each
// token is hashed once and not once for every name that it is in.
constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15;

struct Polynomial {
  std::uint64_t value = 0, power = 1;

  static Polynomial of(std::string_view text) {
    Polynomial p;
    for (const char c : text) {
      p.value = p.value * kFactor + static_cast<unsigned char>(c) + 1;
      p.power *= kFactor;
    }
    return p;
  }
};

std::uint32_t finish(std::uint64_t value) {
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93;
  return static_cast<std::uint32_t>(value >> 32);
}

}  // namespace

Result<SymbolNames> SymbolNames::create(ByteView tables, TokenTables tokens, std::size_t names,
                                        std::size_t names_end, std::uint32_t count) {
  if (names > names_end || names_end > tables.size() || names_end > UINT32_MAX)
    return fail(Errc::malformed, "the names of the symbol table do not lie in it");
  SymbolNames result;
  RINGSIDE_TRY(result.tokens_, read_tokens(tables, tokens));
  result.tables_ = tables.first(names_end);
  result.count_ = count;
  result.positions_.reserve(std::min<std::size_t>(count, names_end - names) / kStride + 1);
  std::size_t at = names;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i % kStride == 0) result.positions_.push_back(static_cast<std::uint32_t>(at));
    const auto name = compressed_name(result.tables_, at);
    if (!name) return fail(Errc::malformed, "the names of the symbol table end before its last symbol");
    at = name->end();
  }
  if (at != names_end)
    return fail(Errc::malformed, "there is more than names where the symbols' names stand");
  return result;
}

ByteView SymbolNames::compressed(std::size_t index) const {
  std::size_t at = positions_[index / kStride];
  auto name = compressed_name(tables_, at);
  for (std::size_t i = index % kStride; i > 0 && name; --i) name = compressed_name(tables_, name->end());
  return name ? tables_.subspan(name->first, name->length) : ByteView();
}

void SymbolNames::name(std::size_t index, std::string& into) const {
  into.clear();
  std::size_t length = 0;
  for (const std::byte code : compressed(index)) {
    std::string_view token = tokens_[std::to_integer<std::size_t>(code)];
    if (length + token.size() > kMaxName) break;
    if (length == 0) {
      length = token.size();
      token.remove_prefix(1);
    } else {
      length += token.size();
    }
    into += token;
  }
}

char SymbolNames::type(std::size_t index) const {
  const ByteView name = compressed(index);
  return name.empty() ? '?' : tokens_[std::to_integer<std::size_t>(name[0])][0];
}

std::vector<std::uint32_t> SymbolNames::hashes() const {
  std::array<Polynomial, 256> whole{}, without_type{};
  for (std::size_t i = 0; i < 256; ++i) {
    whole[i] = Polynomial::of(tokens_[i]);
    without_type[i] = Polynomial::of(tokens_[i].substr(1));
  }
  std::vector<std::uint32_t> all;
  all.reserve(count_);
  std::size_t at = positions_.empty() ? 0 : positions_[0];
  for (std::uint32_t i = 0; i < count_; ++i) {
    const auto name = compressed_name(tables_, at);
    if (!name) break;
    std::uint64_t value = 0;
    std::size_t length = 0;
    for (std::size_t k = name->first; k < name->end(); ++k) {
      const auto code = std::to_integer<std::size_t>(tables_[k]);
      const std::size_t token = tokens_[code].size();
      if (length + token > kMaxName) break;
      const Polynomial& next = length == 0 ? without_type[code] : whole[code];
      value = value * next.power + next.value;
      length += token;
    }
    all.push_back(finish(value));
    at = name->end();
  }
  return all;
}

std::uint32_t SymbolNames::hash(std::string_view name) {
  return finish(Polynomial::of(name).value);
}

SymbolNameIndex::SymbolNameIndex(const SymbolNames& names) {
  const auto hashes = names.hashes();
  entries_.reserve(hashes.size());
  for (std::size_t i = 0; i < hashes.size(); ++i) entries_.push_back(std::uint64_t{hashes[i]} << 32 | i);
  std::sort(entries_.begin(), entries_.end());
}

Result<SymbolNameIndex> SymbolNameIndex::create(std::vector<std::uint64_t> entries, std::uint32_t count) {
  const bool in_range = std::all_of(entries.begin(), entries.end(),
                                    [&](std::uint64_t entry) { return (entry & 0xffffffff) < count; });
  if (entries.size() != count || !in_range || !std::is_sorted(entries.begin(), entries.end()))
    return fail(Errc::malformed, "the index of names does not fit the symbol table");
  SymbolNameIndex index;
  index.entries_ = std::move(entries);
  return index;
}

std::span<const std::uint64_t> SymbolNameIndex::same_hash(std::uint32_t hash) const {
  const std::uint64_t first = std::uint64_t{hash} << 32;
  const auto from = std::lower_bound(entries_.begin(), entries_.end(), first);
  const auto to = std::upper_bound(from, entries_.end(), first | 0xffffffff);
  return {from, to};
}

}  // namespace ringside::guest::linux
