// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/kallsyms_names.h"
#include "guest/linux/kallsyms_tokens.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// The compressed names of a symbol table. They stay as they are: each is expanded when it is asked for.
/// Keeps views of the bytes that it was made from.
class SymbolNames {
 public:
  /// Longest name that is given, type letter included; longer ones, which no kernel can have (KSYM_NAME_LEN),
  /// are cut before the token that crosses it.
  static constexpr std::size_t kMaxName = 1024;

  SymbolNames() = default;
  /// `malformed` unless `count` names stand from `names` to `names_end` in `tables`.
  static Result<SymbolNames> create(ByteView tables, TokenTables tokens, std::size_t names,
                                    std::size_t names_end, std::uint32_t count);

  std::uint32_t size() const { return count_; }
  /// The name of symbol `index`, which is below size(); without the type letter.
  void name(std::size_t index, std::string& into) const;
  char type(std::size_t index) const;

  /// Hash of each name in turn, computed from hashes of the tokens.
  std::vector<std::uint32_t> hashes() const;
  static std::uint32_t hash(std::string_view name);

 private:
  /// Names between two noted positions.
  static constexpr std::size_t kStride = 32;

  ByteView compressed(std::size_t index) const;

  ByteView tables_;
  KallsymsTokens tokens_{};
  std::uint32_t count_ = 0;
  std::vector<std::uint32_t> positions_;  ///< of every kStride-th name's length
};

/// Symbols by name: (hash, symbol) pairs in order. Says where to look, never what is there.
class SymbolNameIndex {
 public:
  SymbolNameIndex() = default;
  explicit SymbolNameIndex(const SymbolNames& names);
  /// `malformed` unless `entries` are `count` pairs in order, of symbols below `count`.
  static Result<SymbolNameIndex> create(std::vector<std::uint64_t> entries, std::uint32_t count);

  /// Calls `visit(symbol)` for the symbols of that name in ascending order, until it returns false.
  template <class Visit>
  void each(const SymbolNames& names, std::string_view name, Visit&& visit) const {
    std::string held;
    std::size_t others = 0;
    for (std::uint64_t entry : same_hash(SymbolNames::hash(name))) {
      const auto symbol = static_cast<std::uint32_t>(entry);
      names.name(symbol, held);
      if (held != name) {
        if (++others > kMaxCollisions) return;
      } else if (!visit(symbol)) {
        return;
      }
    }
  }

  /// Hash in the upper half, symbol in the lower.
  const std::vector<std::uint64_t>& entries() const { return entries_; }

 private:
  /// Names of one hash among 2^20 symbols are two or three. A guest that makes up thousands gets no answer.
  static constexpr std::size_t kMaxCollisions = 64;

  std::span<const std::uint64_t> same_hash(std::uint32_t hash) const;

  std::vector<std::uint64_t> entries_;
};

}  // namespace ringside::guest::linux
