// SPDX-License-Identifier: Apache-2.0
// A file of the symbol cache. Since its checksum keeps mutations out, the input is also taken for tables
// whose positions stand in front of them, and for an index of names over them.
#include "guest/linux/symbol_table.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace ringside;
using namespace ringside::guest;
using namespace ringside::guest::linux;

void ask(const SymbolTable& table) {
  for (std::size_t i = 0; i < table.size(); i += 1 + table.size() / 64) {
    const Symbol symbol = table.symbol(i, 0x1000);
    static_cast<void>(table.at_or_before(symbol.address.value, 0x1000));
    for (const std::size_t same : table.find_all(symbol.name))
      if (table.symbol(same).name != symbol.name) __builtin_trap();
  }
}

/// An index that lies about every symbol may only miss names.
void ask_wrong_index(ByteView bytes, const KallsymsTables& tables) {
  const auto names = SymbolNames::create(bytes, {tables.token_table, tables.token_index}, tables.names,
                                         tables.names_end, tables.count);
  if (!names) return;
  std::vector<std::uint64_t> entries(tables.count);
  for (std::size_t i = 0; i < entries.size(); ++i)
    entries[i] = load_le<std::uint64_t>(bytes, (i * 8) % (bytes.size() + 1)).value_or(i);
  std::sort(entries.begin(), entries.end());
  const auto index = SymbolNameIndex::create(std::move(entries), tables.count);
  if (!index) return;
  std::string name;
  names->name(0, name);
  index->each(*names, name, [&](std::size_t symbol) { return symbol < tables.count; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  if (const auto table = SymbolTable::parse(Bytes(input.begin(), input.end()))) {
    ask(**table);
    if ((*table)->serialise() != Bytes(input.begin(), input.end())) __builtin_trap();
  }

  constexpr std::size_t kHeader = 48;
  if (size < kHeader) return 0;
  const auto number = [&](std::size_t i) { return std::size_t{*load_le<std::uint32_t>(input, 4 * i)}; };
  KallsymsTables tables;
  tables.pointer_size = (number(0) & 1) != 0 ? 8 : 4;
  tables.encoding = static_cast<KallsymsEncoding>((number(0) >> 1) % 3);
  tables.count = static_cast<std::uint32_t>(number(1));
  tables.num_syms = number(2);
  tables.names = number(3);
  tables.names_end = number(4);
  tables.markers = number(5);
  tables.token_table = number(6);
  tables.token_index = number(7);
  tables.offsets = number(8);
  tables.relative_base_at = number(9);
  tables.relative_base = number(10);
  const ByteView bytes = input.subspan(kHeader);
  if (const auto table =
          SymbolTable::build(Bytes(bytes.begin(), bytes.end()), Gva{0xffffffff81000000}, tables))
    ask(**table);
  ask_wrong_index(bytes, tables);
  return 0;
}
