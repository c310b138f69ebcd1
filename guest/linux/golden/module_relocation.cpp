// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/module_relocation.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace ringside::guest::linux {

namespace {

// elf.h: R_X86_64_* and R_386_*.
enum Type64 : std::uint32_t {
  k64None = 0,
  k64_64 = 1,
  k64Pc32 = 2,
  k64Plt32 = 4,
  k64_32 = 10,
  k64_32s = 11,
  k64Pc64 = 24
};
enum Type32 : std::uint32_t { k32None = 0, k32_32 = 1, k32Pc32 = 2, k32Plt32 = 4 };
constexpr std::uint16_t kSpecialSections = 0xff00, kAbsolute = 0xfff1;
constexpr std::uint8_t kWeak = 2;
constexpr std::string_view kPerCpu = ".data..percpu";

/// Sections that the loader takes out of what it loads (kernel/module/main.c).
bool is_not_loaded(std::string_view name) {
  return name == ".modinfo" || name == "__versions" || name.starts_with("__version_ext") || name == kPerCpu;
}

/// Sections that it loads although the file does not say so (kernel/module/kallsyms.c, layout_symtab).
bool is_made_loadable(std::string_view name) {
  return name == ".symtab" || name == ".strtab";
}

}  // namespace

Result<ModuleRelocation> ModuleRelocation::create(Kernel& kernel, const Module& module,
                                                  const GoldenModule& golden,
                                                  const std::vector<ModuleSection>& sections,
                                                  ModuleImports& imports) {
  ModuleRelocation out(golden, imports);
  const auto& all = golden.elf().sections();
  std::size_t next = 0;
  const auto skip_symbols = [&] {
    while (next < sections.size() && is_made_loadable(sections[next].name)) ++next;
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].allocated() || all[i].size == 0 || is_not_loaded(all[i].name)) continue;
    skip_symbols();
    if (next == sections.size() || sections[next].name != all[i].name) break;
    out.addresses_[i] = sections[next++].address.value;
  }
  skip_symbols();
  if (next != sections.size())
    return fail(Errc::mismatch, "the sections of module " + module.name +
                                    " are not those of its file: " + sections[next].name);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name != kPerCpu || all[i].size == 0) continue;
    const auto field = kernel.field("module", "percpu");
    if (!field) continue;
    if (const auto base = kernel.read_pointer_field(module.address, *field)) out.addresses_[i] = base->value;
  }
  out.place_empty_sections();
  RINGSIDE_TRY(out.symbols_, golden.elf().symbols());
  return out;
}

bool ModuleRelocation::read(std::uint64_t at, std::span<std::byte> into) const {
  const auto& all = golden_->elf().sections();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!addresses_[i] || at < *addresses_[i] || all[i].name == kPerCpu) continue;
    const std::uint64_t offset = at - *addresses_[i];
    if (offset > all[i].bytes.size() || all[i].bytes.size() - offset < into.size()) continue;
    std::copy_n(all[i].bytes.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
    return true;
  }
  return false;
}

Result<std::uint64_t> ModuleRelocation::value(std::size_t index) const {
  if (index >= symbols_.size()) return fail(Errc::malformed, "a relocation names no symbol");
  const ElfSymbol& symbol = symbols_[index];
  if (index == 0 || symbol.section == kAbsolute) return symbol.value;
  if (symbol.section == 0) {
    if (const auto found = imports_->find(symbol.name)) return *found;
    if (symbol.binding == kWeak) return std::uint64_t{0};
    return fail(Errc::unavailable, "symbol " + std::string(symbol.name) + " that it uses is not known");
  }
  if (symbol.section >= kSpecialSections || symbol.section >= addresses_.size() ||
      !addresses_[symbol.section])
    return fail(Errc::unavailable, "it is not known where its section " +
                                       std::string(symbol.section < addresses_.size()
                                                       ? golden_->elf().sections()[symbol.section].name
                                                       : "of a special kind") +
                                       " is");
  return *addresses_[symbol.section] + symbol.value;
}

void ModuleRelocation::export_to(ModuleImports& imports) const {
  constexpr std::string_view kEntry = "__ksymtab_";
  std::unordered_set<std::string_view> exported;
  for (const ElfSymbol& symbol : symbols_)
    if (symbol.section != 0 && symbol.name.starts_with(kEntry))
      exported.insert(symbol.name.substr(kEntry.size()));
  for (std::size_t i = 1; i < symbols_.size(); ++i) {
    if (symbols_[i].section == 0 || !exported.contains(symbols_[i].name)) continue;
    if (const auto address = value(i)) imports.add(symbols_[i].name, *address);
  }
}

/// Code refers to sections without contents, too: the keys of lock classes are empty without lockdep. The
/// kernel lists no such section; it stands behind the one before it of its kind (kernel/module/main.c,
/// layout_sections).
void ModuleRelocation::place_empty_sections() {
  const auto& all = golden_->elf().sections();
  const auto kind = [&](const ElfSection& section) {
    const bool init = section.name.starts_with(".init");
    const bool sealed = section.name == ".data..ro_after_init" || section.name == "__jump_table";
    return (section.executable() ? 1 : 0) | (section.writable() ? 2 : 0) | (init ? 4 : 0) | (sealed ? 8 : 0);
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].allocated() || all[i].size != 0 || is_not_loaded(all[i].name)) continue;
    for (std::size_t before = i; before-- > 0;) {
      if (!addresses_[before] || !all[before].allocated() || is_not_loaded(all[before].name) ||
          kind(all[before]) != kind(all[i]))
        continue;
      const std::uint64_t end = *addresses_[before] + all[before].size;
      const std::uint64_t alignment = std::max<std::uint64_t>(all[i].alignment, 1);
      addresses_[i] = end + (alignment - end % alignment) % alignment;
      break;
    }
  }
}

Result<void> ModuleRelocation::apply(const ElfRelocation& relocation, std::uint64_t section,
                                     std::span<std::byte> bytes) const {
  const bool wide = golden_->elf().bits() == 64;
  if (relocation.type == k64None) return {};
  const bool eight = wide && (relocation.type == k64_64 || relocation.type == k64Pc64);
  const std::size_t size = eight ? 8 : 4;
  if (relocation.offset > bytes.size() || bytes.size() - relocation.offset < size)
    return fail(Errc::malformed, "a relocation lies outside of its section");
  bool relative = false;
  if (wide) {
    relative = relocation.type == k64Pc32 || relocation.type == k64Plt32 || relocation.type == k64Pc64;
    if (!relative && relocation.type != k64_64 && relocation.type != k64_32 && relocation.type != k64_32s)
      return fail(Errc::unsupported, "a relocation of type " + std::to_string(relocation.type));
  } else {
    relative = relocation.type == k32Pc32 || relocation.type == k32Plt32;
    if (!relative && relocation.type != k32_32)
      return fail(Errc::unsupported, "a relocation of type " + std::to_string(relocation.type));
  }
  RINGSIDE_TRY(std::uint64_t result, value(relocation.symbol));
  result += static_cast<std::uint64_t>(relocation.addend);
  if (relative) result -= section + relocation.offset;
  std::byte* at = bytes.data() + relocation.offset;
  if (!wide) result += *load_le<std::uint32_t>(bytes, relocation.offset);
  std::memcpy(at, &result, size);
  return {};
}

Result<Bytes> ModuleRelocation::relocated(std::size_t index) const {
  const auto& all = golden_->elf().sections();
  Bytes bytes(all[index].bytes.begin(), all[index].bytes.end());
  for (const ElfSection& section : all) {
    if ((section.type != ElfFile::kRela && section.type != ElfFile::kRel) || section.info != index) continue;
    RINGSIDE_TRY(const auto relocations, golden_->elf().relocations(section));
    for (const ElfRelocation& one : relocations)
      if (auto applied = apply(one, *addresses_[index], bytes); !applied)
        return fail(std::move(applied).error().within("section " + std::string(all[index].name) + " of " +
                                                      golden_->name()));
  }
  return bytes;
}

}  // namespace ringside::guest::linux
