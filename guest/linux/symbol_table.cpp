// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/symbol_table.h"

#include <algorithm>
#include <cstring>

namespace ringside::guest::linux {
namespace {

/// The tables with their positions moved down by `first`; wraps for one that stands before it, which the
/// checks of bounds then find.
KallsymsTables rebased(KallsymsTables tables) {
  const std::size_t first = tables.first;
  for (std::size_t* at :
       {&tables.num_syms, &tables.names, &tables.names_end, &tables.markers, &tables.token_table,
        &tables.token_index, &tables.offsets, &tables.first, &tables.end})
    *at -= first;
  if (tables.encoding != KallsymsEncoding::pc_relative) tables.relative_base_at -= first;
  return tables;
}

}  // namespace

Result<std::shared_ptr<SymbolTable>> SymbolTable::without_index(Bytes tables_bytes, Gva tables_start,
                                                                const KallsymsTables& rebased) {
  const std::size_t size = tables_bytes.size(), count = rebased.count;
  const auto inside = [&](std::size_t at, std::size_t length) { return at <= size && size - at >= length; };
  if (count == 0 || count > kMaxSymbols || (rebased.pointer_size != 4 && rebased.pointer_size != 8) ||
      rebased.encoding > KallsymsEncoding::pc_relative || size > UINT32_MAX ||
      !inside(rebased.offsets, 4 * count))
    return fail(Errc::malformed, "the symbol table does not lie in its bytes");
  const bool has_base = rebased.encoding != KallsymsEncoding::pc_relative;
  if (has_base ? !inside(rebased.relative_base_at, rebased.pointer_size) : rebased.relative_base_at != 0)
    return fail(Errc::malformed, "the base of the symbol table does not lie in its bytes");

  std::shared_ptr<SymbolTable> table(new SymbolTable);
  table->bytes_ = std::move(tables_bytes);
  table->start_ = tables_start;
  table->tables_ = rebased;
  table->decode_ = AddressDecoder::of(rebased, tables_start);
  RINGSIDE_TRY(table->names_, SymbolNames::create(table->bytes_, {rebased.token_table, rebased.token_index},
                                                  rebased.names, rebased.names_end, rebased.count));
  return table;
}

Result<std::shared_ptr<const SymbolTable>> SymbolTable::build(Bytes tables_bytes, Gva tables_start,
                                                              KallsymsTables tables) {
  RINGSIDE_TRY(auto table, without_index(std::move(tables_bytes), tables_start, rebased(tables)));
  table->index_ = SymbolNameIndex(table->names_);
  return table;
}

Symbol SymbolTable::symbol(std::size_t index, std::uint64_t slide) const {
  Symbol result;
  names_.name(index, result.name);
  result.address = Gva{address(index, slide)};
  result.type = names_.type(index);
  return result;
}

std::uint64_t SymbolTable::address(std::size_t index, std::uint64_t slide) const {
  std::uint32_t stored = 0;
  std::memcpy(&stored, bytes_.data() + tables_.offsets + 4 * index, sizeof(stored));
  return decode_(index, stored, slide);
}

void SymbolTable::name(std::size_t index, std::string& into) const {
  names_.name(index, into);
}

char SymbolTable::type(std::size_t index) const {
  return names_.type(index);
}

std::optional<std::size_t> SymbolTable::find(std::string_view name) const {
  std::optional<std::size_t> found;
  index_.each(names_, name, [&](std::size_t symbol) {
    found = symbol;
    return false;
  });
  return found;
}

std::vector<std::size_t> SymbolTable::find_all(std::string_view name) const {
  std::vector<std::size_t> found;
  index_.each(names_, name, [&](std::size_t symbol) {
    found.push_back(symbol);
    return true;
  });
  return found;
}

std::size_t SymbolTable::first_from(std::uint64_t address, std::uint64_t slide, bool above) const {
  std::size_t first = 0, count = size();
  while (count > 0) {
    const std::size_t half = count / 2;
    const std::uint64_t here = this->address(first + half, slide);
    if (above ? here <= address : here < address) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

std::optional<std::size_t> SymbolTable::at_or_before(std::uint64_t address, std::uint64_t slide) const {
  const std::size_t after = first_from(address, slide, true);
  if (after == 0) return std::nullopt;
  // An alias: the first of those at the same address.
  if (after == 1 || this->address(after - 2, slide) != this->address(after - 1, slide)) return after - 1;
  return std::min(after - 1, first_from(this->address(after - 1, slide), slide, false));
}

bool SymbolTable::same_tables(ByteView bytes) const {
  if (bytes.size() != bytes_.size()) return false;
  const bool has_base = tables_.encoding != KallsymsEncoding::pc_relative;
  const std::size_t base = has_base ? tables_.relative_base_at : 0;
  const std::size_t after = has_base ? base + tables_.pointer_size : 0;
  return std::memcmp(bytes.data(), bytes_.data(), base) == 0 &&
         std::memcmp(bytes.data() + after, bytes_.data() + after, bytes_.size() - after) == 0;
}

}  // namespace ringside::guest::linux
