// SPDX-License-Identifier: Apache-2.0
// Format: QEMU target/i386/cpu-dump.c, x86_cpu_dump_state, and monitor/hmp-cmds.c for the "CPU#n" lines.
#include "guest/x86/cpu_state.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>
#include <cstddef>
#include <string>

namespace ringside::guest::x86 {

namespace {

constexpr std::size_t kMaxText = std::size_t{64} << 20;  // QMP's own bound on a message
constexpr std::size_t kMaxCpus = 4096;
constexpr std::size_t kMaxLine = 1024;

bool is_name(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// What stands behind the "=" of a field.
enum class Kind { number, segment, table, cpl, halted };

struct Field {
  std::string_view name;
  Kind kind;
  std::uint64_t* (*number)(CpuState&) = nullptr;
  Segment CpuState::*segment = nullptr;
  TableRegister CpuState::*table = nullptr;
  enum Form {
    both,
    wide,
    narrow
  } form = both;  ///< printed by CPUs in 64-bit code, in other code, or by both
};

template <unsigned N>
std::uint64_t* gpr(CpuState& cpu) {
  return &cpu.gpr[N];
}
template <std::uint64_t CpuState::*Member>
std::uint64_t* member(CpuState& cpu) {
  return &(cpu.*Member);
}
template <unsigned N>
std::uint64_t* debug(CpuState& cpu) {
  return &cpu.dr[N];
}
constexpr Field number(std::string_view name, std::uint64_t* (*where)(CpuState&),
                       Field::Form form = Field::both) {
  return {name, Kind::number, where, nullptr, nullptr, form};
}
constexpr Field segment(std::string_view name, Segment CpuState::*where) {
  return {name, Kind::segment, nullptr, where};
}
constexpr Field table(std::string_view name, TableRegister CpuState::*where) {
  return {name, Kind::table, nullptr, nullptr, where};
}

/// Every field that ringside keeps; each must come once in a CPU's block, if its form is that CPU's.
constexpr auto kFields = std::to_array<Field>({
    number("RAX", gpr<rax>, Field::wide),
    number("RBX", gpr<rbx>, Field::wide),
    number("RCX", gpr<rcx>, Field::wide),
    number("RDX", gpr<rdx>, Field::wide),
    number("RSI", gpr<rsi>, Field::wide),
    number("RDI", gpr<rdi>, Field::wide),
    number("RBP", gpr<rbp>, Field::wide),
    number("RSP", gpr<rsp>, Field::wide),
    number("R8", gpr<r8>, Field::wide),
    number("R9", gpr<r9>, Field::wide),
    number("R10", gpr<r10>, Field::wide),
    number("R11", gpr<r11>, Field::wide),
    number("R12", gpr<r12>, Field::wide),
    number("R13", gpr<r13>, Field::wide),
    number("R14", gpr<r14>, Field::wide),
    number("R15", gpr<r15>, Field::wide),
    number("RIP", member<&CpuState::rip>, Field::wide),
    number("RFL", member<&CpuState::rflags>, Field::wide),
    number("EAX", gpr<rax>, Field::narrow),
    number("EBX", gpr<rbx>, Field::narrow),
    number("ECX", gpr<rcx>, Field::narrow),
    number("EDX", gpr<rdx>, Field::narrow),
    number("ESI", gpr<rsi>, Field::narrow),
    number("EDI", gpr<rdi>, Field::narrow),
    number("EBP", gpr<rbp>, Field::narrow),
    number("ESP", gpr<rsp>, Field::narrow),
    number("EIP", member<&CpuState::rip>, Field::narrow),
    number("EFL", member<&CpuState::rflags>, Field::narrow),
    {"CPL", Kind::cpl},
    {"HLT", Kind::halted},
    segment("ES", &CpuState::es),
    segment("CS", &CpuState::cs),
    segment("SS", &CpuState::ss),
    segment("DS", &CpuState::ds),
    segment("FS", &CpuState::fs),
    segment("GS", &CpuState::gs),
    segment("LDT", &CpuState::ldt),
    segment("TR", &CpuState::tr),
    table("GDT", &CpuState::gdt),
    table("IDT", &CpuState::idt),
    number("CR0", member<&CpuState::cr0>),
    number("CR2", member<&CpuState::cr2>),
    number("CR3", member<&CpuState::cr3>),
    number("CR4", member<&CpuState::cr4>),
    number("DR0", debug<0>),
    number("DR1", debug<1>),
    number("DR2", debug<2>),
    number("DR3", debug<3>),
    number("DR6", debug<6>),
    number("DR7", debug<7>),
    // QEMU prints EFER in both forms; without it a CPU's paging mode would be a guess.
    number("EFER", member<&CpuState::efer>),
});

/// What one "CPU#n" block has given so far.
struct Block {
  CpuState cpu;
  std::bitset<kFields.size()> seen;
};

/// Takes blanks and then one hexadecimal number of at most 16 digits off the front of `text`.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  std::size_t digits = 0;
  while (digits < text.size() && is_hex(text[digits])) ++digits;
  if (digits == 0 || digits > 16) return std::nullopt;
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + digits, value, 16);
  text.remove_prefix(digits);
  return value;
}

Error bad_field(unsigned cpu, std::string_view name, std::string_view why) {
  return {Errc::malformed, "info registers, CPU " + std::to_string(cpu) + ": field " + std::string(name) +
                               " " + std::string(why)};
}

/// Reads the value of `name` from the front of `rest`. Names that are not kept are skipped.
Result<void> take_field(Block& block, std::string_view name, std::string_view& rest) {
  CpuState& cpu = block.cpu;
  const auto* const field = std::ranges::find(kFields, name, &Field::name);
  if (field == kFields.end()) return {};
  const auto position = static_cast<std::size_t>(field - kFields.begin());
  if (block.seen.test(position)) return fail(bad_field(cpu.index, name, "stands twice"));
  block.seen.set(position);

  const auto first = take_number(rest);
  if (!first) return fail(bad_field(cpu.index, name, "is not a number"));
  switch (field->kind) {
    case Kind::number:
      *field->number(cpu) = *first;
      break;
    case Kind::cpl:
      if (*first > 3) return fail(bad_field(cpu.index, name, "is above 3"));
      cpu.cpl = static_cast<unsigned>(*first);
      break;
    case Kind::halted:
      if (*first > 1) return fail(bad_field(cpu.index, name, "is neither 0 nor 1"));
      cpu.halted = *first == 1;
      break;
    case Kind::table: {
      const auto limit = take_number(rest);
      if (!limit || *limit > 0xffffffff) return fail(bad_field(cpu.index, name, "has no limit of 32 bits"));
      cpu.*field->table = {Gva{*first}, static_cast<std::uint32_t>(*limit)};
      break;
    }
    case Kind::segment: {
      const auto base = take_number(rest);
      const auto limit = take_number(rest);
      const auto flags = take_number(rest);
      if (!base || !limit || !flags || *first > 0xffff || *limit > 0xffffffff || *flags > 0xffffffff)
        return fail(bad_field(cpu.index, name, "is not selector, base, limit and flags"));
      cpu.*field->segment = {static_cast<std::uint16_t>(*first), *base, static_cast<std::uint32_t>(*limit),
                             static_cast<std::uint32_t>(*flags)};
      rest = {};  // "DPL=0 CS64 [-RA]" says again what the flags say
      break;
    }
  }
  return {};
}

/// "RAX=0000000000000000 RBX=...", "R8 =...", "ES =0000 00000000 0000ffff 00009300".
Result<void> take_line(Block& block, std::string_view line) {
  while (!line.empty()) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return {};
    std::size_t end = equals;
    while (end > 0 && line[end - 1] == ' ') --end;
    std::size_t start = end;
    while (start > 0 && is_name(line[start - 1])) --start;
    const std::string_view name = line.substr(start, end - start);
    line.remove_prefix(equals + 1);
    RINGSIDE_CHECK(take_field(block, name, line));
  }
  return {};
}

/// Every field of the form that this CPU came in must be there, and none of the other form.
Result<void> check_complete(const Block& block) {
  const bool is_wide = block.seen.test(0);  // RAX
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    const bool wanted = kFields[i].form == Field::both || (kFields[i].form == Field::wide) == is_wide;
    if (wanted && !block.seen.test(i)) return fail(bad_field(block.cpu.index, kFields[i].name, "is missing"));
    if (!wanted && block.seen.test(i))
      return fail(bad_field(block.cpu.index, kFields[i].name, "does not belong to this form"));
  }
  return {};
}

}  // namespace

Result<std::vector<CpuState>> parse_info_registers(std::string_view text) {
  if (text.size() > kMaxText) return fail(Errc::oversized, "info registers: the text is longer than 64 MiB");
  std::vector<CpuState> cpus;
  std::optional<Block> block;
  const auto finish = [&]() -> Result<void> {
    if (!block) return {};
    RINGSIDE_CHECK(check_complete(*block));
    cpus.push_back(std::move(block->cpu));
    block.reset();
    return {};
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > kMaxLine) return fail(Errc::malformed, "info registers: a line is longer than 1 KiB");
    if (line.starts_with("CPU#")) {
      RINGSIDE_CHECK(finish());
      unsigned index = 0;
      const auto [stop, error] = std::from_chars(line.data() + 4, line.data() + line.size(), index);
      if (error != std::errc{} || stop != line.data() + line.size())
        return fail(Errc::malformed, "info registers: a CPU# line without a number");
      if (cpus.size() == kMaxCpus) return fail(Errc::out_of_bounds, "info registers: more than 4096 CPUs");
      if (std::ranges::any_of(cpus, [&](const CpuState& cpu) { return cpu.index == index; }))
        return fail(Errc::malformed, "info registers: CPU " + std::to_string(index) + " stands twice");
      block.emplace();
      block->cpu.index = index;
      block->cpu.msrs_unknown = "not read";
    } else if (block) {
      RINGSIDE_CHECK(take_line(*block, line));
    }
  }
  RINGSIDE_CHECK(finish());
  if (cpus.empty()) return fail(Errc::malformed, "info registers: no CPU# line in the answer");
  return cpus;
}

}  // namespace ringside::guest::x86
