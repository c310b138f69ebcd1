// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/linux/linux_macro.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// A section of an ELF file (elf.h, Elf64_Shdr).
struct ElfSection {
  std::string_view name;
  std::uint32_t type = 0, link = 0, info = 0;
  std::uint64_t flags = 0, address = 0, size = 0, alignment = 0;
  ByteView bytes;  ///< empty for one that takes no room in the file (SHT_NOBITS)

  bool allocated() const { return (flags & 0x2) != 0; }   // SHF_ALLOC
  bool writable() const { return (flags & 0x1) != 0; }    // SHF_WRITE
  bool executable() const { return (flags & 0x4) != 0; }  // SHF_EXECINSTR
};

struct ElfSymbol {
  std::string_view name;
  std::uint64_t value = 0;
  std::uint16_t section = 0;  ///< 0: defined elsewhere; from 0xff00 on: special (elf.h, SHN_LORESERVE)
  std::uint8_t binding = 0, type = 0;
};

struct ElfRelocation {
  std::uint64_t offset = 0;  ///< in the section that is relocated
  std::uint32_t type = 0, symbol = 0;
  std::int64_t addend = 0;  ///< 0 where it stands in the section itself (SHT_REL)
};

/// An ELF file of x86, taken apart. All views point into the file, which must outlive this.
class ElfFile {
 public:
  /// Errors: `malformed`, `unsupported` (no ELF file for x86), `oversized`.
  static Result<ElfFile> parse(ByteView file);

  unsigned bits() const { return bits_; }
  bool relocatable() const { return relocatable_; }  ///< a module, not a linked kernel
  const std::vector<ElfSection>& sections() const { return sections_; }
  const ElfSection* section(std::string_view name) const;
  /// Where the file ends by what its headers say; more may follow.
  std::uint64_t end() const { return end_; }

  /// The symbols of the first symbol table; none if there is none.
  Result<std::vector<ElfSymbol>> symbols() const;
  /// The entries of a section of type SHT_RELA or SHT_REL.
  Result<std::vector<ElfRelocation>> relocations(const ElfSection& section) const;

  static constexpr std::uint32_t kProgramBits = 1, kSymbolTable = 2, kRela = 4, kNoBits = 8, kRel = 9;
  static constexpr std::size_t kMaxSections = 4096;
  static constexpr std::size_t kMaxSymbols = std::size_t{1} << 21;
  static constexpr std::size_t kMaxRelocations = std::size_t{1} << 22;

 private:
  ElfFile() = default;
  std::uint64_t word(ByteView from, std::size_t narrow, std::size_t wide) const;

  unsigned bits_ = 64;
  bool relocatable_ = false;
  std::uint64_t end_ = 0;
  std::vector<ElfSection> sections_;
};

}  // namespace ringside::guest::linux
