// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/kernel_debug.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace ringside::guest::linux {

namespace {

// What is kept: two words, which say the width of addresses and the bytes of the types; the types; each
// symbol as its address and its name with a NUL.
constexpr std::size_t kHeader = 16, kAddress = 8;
constexpr std::uint8_t kNoType = 0, kObject = 1;  // elf.h, STT_NOTYPE, STT_OBJECT
constexpr std::uint16_t kUndefined = 0, kAbsolute = 0xfff1, kReserved = 0xff00;

void append_word(Bytes& to, std::uint64_t value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  to.insert(to.end(), bytes.begin(), bytes.end());
}

bool is_bound(std::string_view name) {
  return name == "_text" || name == "_stext" || name == "_etext";
}

/// What no reader asks for, and what there are most of.
bool is_of_no_use(std::string_view name) {
  constexpr std::array<std::string_view, 6> kStarts = {"__ksymtab_",  "__kstrtab",   "__crc_",
                                                       "__UNIQUE_ID", "__initcall_", ".L"};
  return name.empty() ||
         std::any_of(kStarts.begin(), kStarts.end(), [&](auto start) { return name.starts_with(start); });
}

bool is_variable(const ElfFile& vmlinux, const ElfSymbol& symbol) {
  if ((symbol.type != kNoType && symbol.type != kObject) || symbol.section == kUndefined ||
      is_of_no_use(symbol.name))
    return false;
  if (symbol.section >= kReserved) return symbol.section == kAbsolute;
  const auto& sections = vmlinux.sections();
  return symbol.section < sections.size() && sections[symbol.section].allocated() &&
         !sections[symbol.section].executable();
}

}  // namespace

Result<Bytes> KernelDebug::pack(const ElfFile& vmlinux) {
  const ElfSection* types = vmlinux.section(".BTF");
  if (types == nullptr || types->bytes.empty() || types->bytes.size() > Btf::kMaxBytes)
    return fail(Errc::unsupported, "it has no types (section .BTF)");
  RINGSIDE_TRY(const auto symbols, vmlinux.symbols());
  Bytes packed;
  append_word(packed, vmlinux.bits());
  append_word(packed, types->bytes.size());
  packed.insert(packed.end(), types->bytes.begin(), types->bytes.end());
  const std::size_t without = packed.size();
  for (const ElfSymbol& symbol : symbols) {
    if (!is_bound(symbol.name) && !is_variable(vmlinux, symbol)) continue;
    append_word(packed, symbol.value);
    const ByteView name = as_bytes(symbol.name);
    packed.insert(packed.end(), name.begin(), name.end());
    packed.push_back(std::byte{0});
  }
  if (packed.size() == without) return fail(Errc::unsupported, "it has no symbols");
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
  debug->names_.assign(symbols, packed.end());
  RINGSIDE_CHECK(debug->read_symbols(debug->names_));
  return debug;
}

Result<void> KernelDebug::read_symbols(ByteView from) {
  while (!from.empty()) {
    const auto address = load_le<std::uint64_t>(from);
    const auto* name = reinterpret_cast<const char*>(from.data()) + kAddress;
    const void* end = address ? std::memchr(name, 0, from.size() - kAddress) : nullptr;
    if (end == nullptr) return fail(Errc::malformed, "symbols of a kernel, cut short");
    const auto length = static_cast<std::size_t>(static_cast<const char*>(end) - name);
    symbols_.push_back({{name, length}, *address});
    from = from.subspan(kAddress + length + 1);
  }
  std::sort(symbols_.begin(), symbols_.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return {};
}

std::optional<std::uint64_t> KernelDebug::symbol(std::string_view name) const {
  const auto first =
      std::lower_bound(symbols_.begin(), symbols_.end(), name,
                       [](const Entry& entry, std::string_view wanted) { return entry.name < wanted; });
  if (first == symbols_.end() || first->name != name) return std::nullopt;
  for (auto other = first + 1; other != symbols_.end() && other->name == name; ++other)
    if (other->address != first->address) return std::nullopt;
  return first->address;
}

}  // namespace ringside::guest::linux
