// SPDX-License-Identifier: Apache-2.0
// The input is a window of a kernel image; its first byte chooses the pointer size and the last 16 bytes hold
// two addresses that shall be functions. What is found must be a table that can be asked anything.
#include "guest/linux/symbol_table.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace {

using namespace ringside;
using namespace ringside::guest;
using namespace ringside::guest::linux;

void ask(const SymbolTable& table, std::uint64_t slide) {
  std::string name;
  for (std::size_t i = 0; i < table.size(); i += 1 + table.size() / 64) {
    table.name(i, name);
    if (name.size() > SymbolNames::kMaxName) __builtin_trap();
    if (const auto found = table.find(name)) {
      std::string again;
      table.name(*found, again);
      if (*found > i || again != name) __builtin_trap();
    }
    const std::uint64_t address = table.address(i, slide);
    const auto at = table.at_or_before(address, slide);
    if (at && table.address(*at, slide) > address) __builtin_trap();
    static_cast<void>(table.symbol(i, slide));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 17) return 0;
  const auto input = std::as_bytes(std::span(data, size));
  const unsigned pointer_size = (data[0] & 1) != 0 ? 8 : 4;
  const ByteView window = input.subspan(1, size - 17);
  const std::uint64_t functions[] = {*load_le<std::uint64_t>(input, size - 16),
                                     *load_le<std::uint64_t>(input, size - 8)};
  const Gva start{pointer_size == 8 ? 0xffffffff81000000 : 0xc1000000};
  const std::span<const std::uint64_t> known(functions, (data[0] & 2) != 0 ? 2 : 0);

  const auto found = find_kallsyms(window, start, pointer_size, known);
  if (!found) return 0;
  if (found->first > found->end || found->end > window.size() || found->count == 0) __builtin_trap();
  const ByteView part = window.subspan(found->first, found->end - found->first);
  const auto table = SymbolTable::build(Bytes(part.begin(), part.end()), start + found->first, *found);
  if (!table || !(*table)->same_tables(part)) __builtin_trap();
  ask(**table, 0);
  ask(**table, 0x200000);
  const auto again = SymbolTable::parse((*table)->serialise());
  if (!again || (*again)->size() != (*table)->size()) __builtin_trap();
  return 0;
}
