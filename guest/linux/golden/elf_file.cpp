// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/elf_file.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

constexpr std::uint16_t kRelocatable = 1, kExecutable = 2, kShared = 3;
constexpr std::uint16_t kMachine386 = 3, kMachineX86_64 = 62;

std::string_view name_at(ByteView strings, std::uint64_t offset) {
  if (offset >= strings.size()) return {};
  const auto* first = reinterpret_cast<const char*>(strings.data()) + offset;
  const std::size_t most = strings.size() - offset;
  const void* end = std::memchr(first, 0, most);
  return {first, end == nullptr ? most : static_cast<std::size_t>(static_cast<const char*>(end) - first)};
}

Error malformed(const char* what) {
  return {Errc::malformed, std::string("no sound ELF file: ") + what};
}

}  // namespace

/// A field of the width of the file's addresses; 0 if it lies outside, which callers have ruled out.
std::uint64_t ElfFile::word(ByteView from, std::size_t narrow, std::size_t wide) const {
  return bits_ == 64 ? load_le<std::uint64_t>(from, wide).value_or(0)
                     : load_le<std::uint32_t>(from, narrow).value_or(0);
}

Result<ElfFile> ElfFile::parse(ByteView file) {
  const auto magic = load_le<std::uint32_t>(file);
  if (!magic || *magic != 0x464c457f || file.size() < 64) return fail(Errc::unsupported, "no ELF file");
  ElfFile elf;
  const auto kind = std::to_integer<unsigned>(file[4]);
  const auto machine = load_le<std::uint16_t>(file, 18).value_or(0);
  const auto type = load_le<std::uint16_t>(file, 16).value_or(0);
  if (!(kind == 2 && machine == kMachineX86_64) && !(kind == 1 && machine == kMachine386))
    return fail(Errc::unsupported, "an ELF file, but not of x86");
  if (type != kRelocatable && type != kExecutable && type != kShared)
    return fail(Errc::unsupported, "an ELF file, but neither a kernel nor a module");
  elf.bits_ = kind == 2 ? 64 : 32;
  elf.relocatable_ = type == kRelocatable;
  const bool wide = elf.bits_ == 64;
  const std::uint64_t table = elf.word(file, 32, 40);
  const std::size_t each = load_le<std::uint16_t>(file, wide ? 58 : 46).value_or(0);
  const std::size_t count = load_le<std::uint16_t>(file, wide ? 60 : 48).value_or(0);
  const std::size_t names = load_le<std::uint16_t>(file, wide ? 62 : 50).value_or(0);
  if (each != (wide ? 64u : 40u) || count == 0 || names >= count)
    return fail(malformed("its section headers make no sense"));
  if (count > kMaxSections) return fail(Errc::oversized, "an ELF file with too many sections");
  if (table > file.size() || (file.size() - table) / each < count)
    return fail(malformed("its section headers lie outside"));
  elf.end_ = table + count * each;
  std::vector<std::uint32_t> name_offsets;
  for (std::size_t i = 0; i < count; ++i) {
    const ByteView header = file.subspan(table + i * each, each);
    ElfSection section;
    name_offsets.push_back(load_le<std::uint32_t>(header, 0).value_or(0));
    section.type = load_le<std::uint32_t>(header, 4).value_or(0);
    section.flags = elf.word(header, 8, 8);
    section.address = elf.word(header, 12, 16);
    const std::uint64_t offset = elf.word(header, 16, 24);
    section.size = elf.word(header, 20, 32);
    section.link = load_le<std::uint32_t>(header, wide ? 40 : 24).value_or(0);
    section.info = load_le<std::uint32_t>(header, wide ? 44 : 28).value_or(0);
    section.alignment = elf.word(header, 32, 48);
    if (section.type != kNoBits && section.type != 0) {
      if (offset > file.size() || file.size() - offset < section.size)
        return fail(malformed("a section lies outside"));
      section.bytes = file.subspan(offset, section.size);
      elf.end_ = std::max(elf.end_, offset + section.size);
    }
    elf.sections_.push_back(section);
  }
  const ByteView strings = elf.sections_[names].bytes;
  for (std::size_t i = 0; i < count; ++i) elf.sections_[i].name = name_at(strings, name_offsets[i]);
  return elf;
}

const ElfSection* ElfFile::section(std::string_view name) const {
  const auto found =
      std::find_if(sections_.begin(), sections_.end(), [&](const auto& one) { return one.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

Result<std::vector<ElfSymbol>> ElfFile::symbols() const {
  std::vector<ElfSymbol> symbols;
  const auto table = std::find_if(sections_.begin(), sections_.end(),
                                  [](const auto& one) { return one.type == kSymbolTable; });
  if (table == sections_.end()) return symbols;
  if (table->link >= sections_.size()) return fail(malformed("its symbols have no names"));
  const ByteView strings = sections_[table->link].bytes;
  const std::size_t each = bits_ == 64 ? 24 : 16, count = table->bytes.size() / each;
  if (count > kMaxSymbols) return fail(Errc::oversized, "an ELF file with too many symbols");
  symbols.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const ByteView entry = table->bytes.subspan(i * each, each);
    ElfSymbol symbol;
    symbol.name = name_at(strings, load_le<std::uint32_t>(entry, 0).value_or(0));
    symbol.value = word(entry, 4, 8);
    const auto info = std::to_integer<unsigned>(entry[bits_ == 64 ? 4 : 12]);
    symbol.binding = static_cast<std::uint8_t>(info >> 4);
    symbol.type = static_cast<std::uint8_t>(info & 0xf);
    symbol.section = load_le<std::uint16_t>(entry, bits_ == 64 ? 6 : 14).value_or(0);
    symbols.push_back(symbol);
  }
  return symbols;
}

Result<std::vector<ElfRelocation>> ElfFile::relocations(const ElfSection& section) const {
  const bool wide = bits_ == 64, explicit_addend = section.type == kRela;
  const std::size_t each = (wide ? 16u : 8u) + (explicit_addend ? (wide ? 8u : 4u) : 0u);
  const std::size_t count = section.bytes.size() / each;
  if (count > kMaxRelocations) return fail(Errc::oversized, "an ELF file with too many relocations");
  std::vector<ElfRelocation> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const ByteView entry = section.bytes.subspan(i * each, each);
    ElfRelocation one;
    one.offset = word(entry, 0, 0);
    const std::uint64_t info = word(entry, 4, 8);
    one.type = static_cast<std::uint32_t>(wide ? info & 0xffffffff : info & 0xff);
    one.symbol = static_cast<std::uint32_t>(wide ? info >> 32 : info >> 8);
    if (explicit_addend)
      one.addend = wide ? static_cast<std::int64_t>(word(entry, 8, 16))
                        : static_cast<std::int32_t>(load_le<std::uint32_t>(entry, 8).value_or(0));
    out.push_back(one);
  }
  return out;
}

}  // namespace ringside::guest::linux
