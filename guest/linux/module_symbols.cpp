// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_symbols.h"

#include <elf.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <numeric>

namespace ringside::guest::linux {

std::string_view ModuleSymbols::name(std::size_t index) const {
  const char* first = reinterpret_cast<const char*>(names_.data()) + entries_[index].name;
  return {first, strnlen(first, ModuleSymbolReader::kMaxName - 1)};
}

std::optional<std::size_t> ModuleSymbols::at_or_before(Gva gva) const {
  if (by_address_.empty() && !entries_.empty()) {
    for (std::uint32_t i = 0; i < entries_.size(); ++i)
      if (entries_[i].defined && !name(i).starts_with('$') && !name(i).starts_with(".L"))
        by_address_.push_back(i);
    std::stable_sort(by_address_.begin(), by_address_.end(), [&](std::uint32_t a, std::uint32_t b) {
      return entries_[a].address < entries_[b].address;
    });
  }
  const auto above = [&](Gva value, std::uint32_t i) { return value < entries_[i].address; };
  const auto after = std::upper_bound(by_address_.begin(), by_address_.end(), gva, above);
  if (after == by_address_.begin()) return std::nullopt;
  const Gva found = entries_[*std::prev(after)].address;
  const auto below = [&](std::uint32_t i, Gva value) { return entries_[i].address < value; };
  return *std::lower_bound(by_address_.begin(), after, found, below);
}

ModuleSymbolReader::ModuleSymbolReader(Kernel& kernel) : kernel_(kernel), table_(kernel, "mod_kallsyms") {
  if (auto resolved = resolve(); !resolved)
    unusable_ = std::move(resolved).error().within("the symbols of modules");
}

Result<void> ModuleSymbolReader::resolve() {
  RINGSIDE_TRY(const Types* types, kernel_.types());
  RINGSIDE_TRY(kallsyms_, types->field("module", "kallsyms"));
  symtab_ = table_.add("symtab");
  count_ = table_.add("num_symtab");
  strtab_ = table_.add("strtab");
  typetab_ = table_.add("typetab");
  if (!table_.missing().empty()) return fail(table_.missing().front());
  if (auto resolved = resolve_exports(*types); !resolved)
    exports_unknown_ = std::move(resolved).error().within("which symbols of modules are exported");
  return {};
}

/// Offsets relative to the members themselves (include/linux/export-internal.h, PREL32).
Result<void> ModuleSymbolReader::resolve_exports(const Types& types) {
  RINGSIDE_TRY(exports_, types.field("module", "syms"));
  RINGSIDE_TRY(export_count_, types.field("module", "num_syms"));
  RINGSIDE_TRY(const Field value, types.field("kernel_symbol", "value_offset"));
  RINGSIDE_TRY(const Field name, types.field("kernel_symbol", "name_offset"));
  RINGSIDE_TRY(const std::uint64_t size, types.size_of("kernel_symbol"));
  if (size == 0 || size > kMaxName || value.offset + 4 > size || name.offset + 4 > size)
    return fail(Errc::malformed, "struct kernel_symbol is of " + std::to_string(size) + " bytes");
  export_size_ = static_cast<std::uint32_t>(size);
  export_value_ = value.offset;
  export_name_ = name.offset;
  return {};
}

namespace {

struct ElfSymbol {
  std::uint32_t name = 0;
  std::uint64_t address = 0;
  std::uint16_t section = 0;
};

template <class Elf>
ElfSymbol decode(const std::byte* at) {
  Elf symbol;
  std::memcpy(&symbol, at, sizeof(symbol));
  return {symbol.st_name, symbol.st_value, symbol.st_shndx};
}

}  // namespace

Bytes ModuleSymbolReader::read_names(Gva first, std::uint64_t last) {
  Bytes names;
  const std::uint64_t wanted = std::min({last + kMaxName, kMaxNameBytes, name_bytes_left_});
  while (names.size() < wanted) {
    const Gva at = first + names.size();
    const std::size_t here =
        static_cast<std::size_t>(std::min(wanted - names.size(), kPageSize - (at - page_of(at))));
    names.resize(names.size() + here);
    if (kernel_.space().read(at, std::span(names).last(here))) continue;
    names.resize(names.size() - here);
    break;
  }
  name_bytes_left_ -= names.size();
  return names;
}

Result<void> ModuleSymbolReader::read_table(const Module& module, bool types, ModuleSymbols& into,
                                            const std::function<void(Error)>& problem) {
  RINGSIDE_TRY(const Gva at, kernel_.read_pointer_field(module.address, kallsyms_));
  if (at == Gva{0}) return {};  // not that far yet
  RINGSIDE_CHECK(table_.read(at));
  const auto symtab = table_.pointer(symtab_), strtab = table_.pointer(strtab_),
             typetab = table_.pointer(typetab_);
  const auto count = table_.u32(count_);
  if (!symtab || !strtab || !typetab || !count)
    return fail(Errc::unavailable, "the layout of struct mod_kallsyms is not known");
  if (*count > kMaxModuleSymbols || *count > symbols_left_)
    return fail(Errc::out_of_bounds, std::to_string(*count) + " symbols");
  symbols_left_ -= *count;

  const bool wide = kernel_.pointer_size() == 8;
  const std::size_t stride = wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
  Bytes table(*count * stride), kinds(types ? *count : 0);
  RINGSIDE_CHECK(kernel_.space().read(*symtab, table));
  RINGSIDE_CHECK(kernel_.space().read(*typetab, kinds));
  const auto symbol = [&](std::size_t i) {
    const std::byte* bytes = table.data() + i * stride;
    return wide ? decode<Elf64_Sym>(bytes) : decode<Elf32_Sym>(bytes);
  };
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < *count; ++i) last = std::max<std::uint64_t>(last, symbol(i).name);
  into.names_ = read_names(*strtab, last);
  // What follows the last NUL is a name that is cut.
  while (!into.names_.empty() && into.names_.back() != std::byte{0}) into.names_.pop_back();
  std::size_t nameless = 0;
  for (std::size_t i = 0; i < *count; ++i) {
    const ElfSymbol one = symbol(i);
    if (one.name >= into.names_.size()) {
      ++nameless;
      continue;
    }
    if (into.names_[one.name] == std::byte{0}) continue;
    const auto kind = types ? std::to_integer<unsigned char>(kinds[i]) : static_cast<unsigned char>('?');
    into.entries_.push_back(
        {Gva{one.address}, one.name, static_cast<char>(std::tolower(kind)), one.section != SHN_UNDEF});
  }
  if (nameless > 0)
    problem({Errc::not_mapped, "the names of " + std::to_string(nameless) + " symbols of module " +
                                   module.name + " could not be read"});
  return types && !exports_unknown_ ? mark_exported(module, into) : Result<void>{};
}

Result<void> ModuleSymbolReader::mark_exported(const Module& module, ModuleSymbols& symbols) {
  RINGSIDE_TRY(const Gva list, kernel_.read_pointer_field(module.address, exports_));
  RINGSIDE_TRY(const std::uint64_t count, kernel_.read_field(module.address, export_count_));
  if (count == 0) return {};
  if (count > kMaxModuleSymbols || count > exports_left_)
    return fail(Errc::out_of_bounds, std::to_string(count) + " exported symbols");
  exports_left_ -= count;
  Bytes raw(count * export_size_);
  RINGSIDE_CHECK(kernel_.space().read(list, raw));
  std::vector<std::uint32_t> order(symbols.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return symbols.entries_[a].address < symbols.entries_[b].address;
  });
  // Names at one address are few; a guest that puts all at one is not worth the time.
  std::uint64_t steps_left = 4 * (order.size() + count);
  const std::uint64_t mask = kernel_.pointer_size() == 4 ? 0xffffffff : ~std::uint64_t{0};
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto target = [&](std::uint32_t member) {
      const std::size_t place = i * export_size_ + member;
      const auto offset = static_cast<std::int32_t>(*load_le<std::uint32_t>(raw, place));
      return Gva{(list.value + place + static_cast<std::uint64_t>(std::int64_t{offset})) & mask};
    };
    const Gva value = target(export_value_);
    const auto below = [&](std::uint32_t index, Gva what) { return symbols.entries_[index].address < what; };
    auto at = std::lower_bound(order.begin(), order.end(), value, below);
    if (at == order.end() || symbols.entries_[*at].address != value) continue;
    RINGSIDE_TRY(const std::string name, kernel_.read_string(target(export_name_), kMaxName));
    for (; at != order.end() && symbols.entries_[*at].address == value; ++at) {
      if (steps_left-- == 0) return fail(Errc::out_of_bounds, "too many symbols at one address");
      char& type = symbols.entries_[*at].type;
      if (symbols.name(*at) == name) type = static_cast<char>(std::toupper(static_cast<unsigned char>(type)));
    }
  }
  return {};
}

ModuleSymbols ModuleSymbolReader::read(const Module& module, bool types,
                                       const std::function<void(Error)>& problem) {
  ModuleSymbols symbols;
  if (unusable_ || module.state == ModuleState::unformed) return symbols;
  // What a kernel's layout does not tell is the same for every module.
  if (types && exports_unknown_) problem(*exports_unknown_);
  if (auto read = read_table(module, types, symbols, problem); !read)
    problem(read.error().within("the symbols of module " + module.name));
  return symbols;
}

}  // namespace ringside::guest::linux
