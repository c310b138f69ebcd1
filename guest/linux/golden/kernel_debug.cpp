// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/kernel_debug.h"

#include "guest/linux/symbol_encoder.h"

#include <algorithm>
#include <array>

namespace ringside::guest::linux {

namespace {

// What is kept: two words, which say the width of addresses and the bytes of the types; the types; the
// symbols as a file of the cache holds them.
constexpr std::size_t kHeader = 16;
// elf.h: STT_SECTION, STT_FILE, STB_LOCAL, STB_WEAK, SHN_UNDEF, SHN_ABS
constexpr std::uint8_t kSection = 3, kFile = 4, kLocal = 0, kWeak = 2;
constexpr std::uint16_t kUndefined = 0, kAbsolute = 0xfff1;

void append_word(Bytes& to, std::uint64_t value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  to.insert(to.end(), bytes.begin(), bytes.end());
}

/// What kallsyms leaves out too, or what is many and nobody asks for (scripts/kallsyms.c, is_ignored_symbol).
bool is_of_no_use(std::string_view name) {
  constexpr std::array<std::string_view, 8> kStarts = {"__ksymtab_",   "__kstrtab",  "__crc_", "__UNIQUE_ID",
                                                       "__initcall__", "__efistub_", ".L",     "$"};
  return name.empty() ||
         std::any_of(kStarts.begin(), kStarts.end(), [&](auto start) { return name.starts_with(start); });
}

/// The letter of nm(1); NUL: nothing that has an address in the kernel.
char letter_of(const ElfFile& vmlinux, const ElfSymbol& symbol) {
  if (symbol.type == kSection || symbol.type == kFile || symbol.section == kUndefined ||
      is_of_no_use(symbol.name))
    return '\0';
  const auto& sections = vmlinux.sections();
  char letter = 'a';
  if (symbol.section < sections.size()) {
    const ElfSection& section = sections[symbol.section];
    if (!section.allocated()) return '\0';
    letter = section.executable()               ? 't'
             : section.type == ElfFile::kNoBits ? 'b'
             : section.writable()               ? 'd'
                                                : 'r';
  } else if (symbol.section != kAbsolute) {
    return '\0';
  }
  if (symbol.binding == kWeak) return 'W';
  return symbol.binding == kLocal ? letter : static_cast<char>(letter - 'a' + 'A');
}

}  // namespace

Result<Bytes> KernelDebug::pack(const ElfFile& vmlinux) {
  const ElfSection* types = vmlinux.section(".BTF");
  if (types == nullptr || types->bytes.empty() || types->bytes.size() > Btf::kMaxBytes)
    return fail(Errc::unsupported, "it has no types (section .BTF)");
  RINGSIDE_TRY(const auto found, vmlinux.symbols());
  std::vector<Symbol> symbols;
  for (const ElfSymbol& symbol : found)
    if (const char letter = letter_of(vmlinux, symbol))
      symbols.push_back({std::string(symbol.name), Gva{symbol.value}, letter});
  if (symbols.empty()) return fail(Errc::unsupported, "it has no symbols");
  RINGSIDE_TRY(const auto table, encode_symbols(std::move(symbols), vmlinux.bits()));
  Bytes packed;
  append_word(packed, vmlinux.bits());
  append_word(packed, types->bytes.size());
  packed.insert(packed.end(), types->bytes.begin(), types->bytes.end());
  const Bytes names = table->serialise();
  packed.insert(packed.end(), names.begin(), names.end());
  return packed;
}

Result<std::shared_ptr<const KernelDebug>> KernelDebug::parse(Bytes packed) {
  const auto bits = load_le<std::uint64_t>(packed), size = load_le<std::uint64_t>(packed, 8);
  if (!bits || !size || (*bits != 32 && *bits != 64) || *size > packed.size() - kHeader)
    return fail(Errc::malformed, "types of a kernel, cut short");
  const std::shared_ptr<KernelDebug> debug(new KernelDebug);
  debug->bits_ = static_cast<unsigned>(*bits);
  const auto types = packed.begin() + kHeader, symbols = types + static_cast<std::ptrdiff_t>(*size);
  RINGSIDE_TRY(debug->types_, Btf::parse(Bytes(types, symbols), debug->bits_ / 8));
  RINGSIDE_TRY(debug->symbols_, SymbolTable::parse(Bytes(symbols, packed.end())));
  return debug;
}

}  // namespace ringside::guest::linux
