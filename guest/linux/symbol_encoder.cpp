// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/symbol_encoder.h"

#include <algorithm>
#include <limits>
#include <span>

namespace ringside::guest::linux {

namespace {

constexpr std::size_t kMaxName = 511;  // KSYM_NAME_LEN, include/linux/kallsyms.h
/// Offsets of per-CPU variables lie below, addresses of kernels above.
constexpr std::uint64_t kFirstAddress = 0x400000;

bool is_plain(char c) {
  return c > ' ' && c < 0x7f;
}

template <class T>
void append(Bytes& to, T value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  to.insert(to.end(), bytes.begin(), bytes.end());
}

/// A token for each character alone: no name is compressed.
void append_tokens(Bytes& to, KallsymsTables& tables) {
  tables.token_table = to.size();
  std::vector<std::uint16_t> index;
  for (unsigned code = 0; code < 256; ++code) {
    index.push_back(static_cast<std::uint16_t>(to.size() - tables.token_table));
    to.push_back(
        std::byte{is_plain(static_cast<char>(code)) ? static_cast<unsigned char>(code) : std::uint8_t{'?'}});
    to.push_back(std::byte{0});
  }
  tables.token_index = to.size();
  for (const std::uint16_t at : index) append(to, at);
}

void append_names(Bytes& to, const std::vector<Symbol>& symbols, KallsymsTables& tables) {
  tables.names = to.size();
  for (const Symbol& symbol : symbols) {
    const std::size_t length = symbol.name.size() + 1;
    if (length > 0x7f) {
      append(to, static_cast<std::uint8_t>((length & 0x7f) | 0x80));
      append(to, static_cast<std::uint8_t>(length >> 7));
    } else {
      append(to, static_cast<std::uint8_t>(length));
    }
    append(to, symbol.type);
    const ByteView name = as_bytes(symbol.name);
    to.insert(to.end(), name.begin(), name.end());
  }
  tables.names_end = to.size();
}

void append_addresses(Bytes& to, const std::vector<Symbol>& symbols, KallsymsTables& tables) {
  while (to.size() % 8 != 0) to.push_back(std::byte{0});
  tables.relative_base_at = to.size();
  append(to, tables.relative_base);
  tables.offsets = to.size();
  for (const Symbol& symbol : symbols) {
    const std::uint64_t address = symbol.address.value, offset = address - tables.relative_base;
    const bool absolute = address < kFirstAddress;
    append(to, static_cast<std::uint32_t>(tables.encoding == KallsymsEncoding::base_relative ? offset
                                          : absolute                                         ? address
                                                                                             : ~offset));
  }
}

}  // namespace

Result<std::shared_ptr<const SymbolTable>> encode_symbols(std::vector<Symbol> symbols, unsigned bits) {
  KallsymsTables tables;
  tables.pointer_size = bits / 8;
  tables.encoding = bits == 64 ? KallsymsEncoding::absolute_percpu : KallsymsEncoding::base_relative;
  std::stable_sort(symbols.begin(), symbols.end(),
                   [](const Symbol& a, const Symbol& b) { return a.address < b.address; });
  // Numbers that are no addresses of the kernel stand among absolute symbols: where its image begins tells.
  auto first =
      std::find_if(symbols.begin(), symbols.end(), [](const Symbol& one) { return one.name == "_text"; });
  if (first == symbols.end())
    first = std::find_if(symbols.begin(), symbols.end(),
                         [](const Symbol& one) { return one.address.value >= kFirstAddress; });
  if (first == symbols.end()) return fail(Errc::invalid_argument, "none of the symbols is a kernel's");
  tables.relative_base = first->address.value;
  std::erase_if(symbols, [&](const Symbol& one) {
    const bool absolute = one.address.value < kFirstAddress;
    const std::uint64_t most = std::numeric_limits<std::int32_t>::max();
    return one.name.empty() || one.name.size() > kMaxName || !is_plain(one.type) ||
           !std::all_of(one.name.begin(), one.name.end(), is_plain) ||
           (absolute ? bits == 32 : one.address.value - tables.relative_base >= most);
  });
  if (symbols.empty()) return fail(Errc::invalid_argument, "none of the symbols has a name");
  if (symbols.size() > kMaxSymbols) return fail(Errc::oversized, "more symbols than a kernel has");
  tables.count = static_cast<std::uint32_t>(symbols.size());
  Bytes bytes;
  append_names(bytes, symbols, tables);
  append_tokens(bytes, tables);
  append_addresses(bytes, symbols, tables);
  tables.end = bytes.size();
  return SymbolTable::build(std::move(bytes), Gva{0}, tables);
}

}  // namespace ringside::guest::linux
