// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/vmstate_cpu.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace ringside::guest::x86 {

namespace {

constexpr std::size_t kMaxStream = std::size_t{64} << 20;
constexpr unsigned kMaxCpus = 4096;

// QEMU migration/savevm.c: QEMU_VM_SECTION_FULL, be32 section id, the name with its length, be32 instance id,
// be32 version id, then the fields of vmstate_x86_cpu.
constexpr std::byte kSectionFull{0x04};
constexpr std::string_view kName(
    "\x03"
    "cpu");
constexpr std::uint32_t kVersion = 12;

/// Offsets in the section; every field is big-endian, and those that QEMU calls UINTTL have `word` bytes.
struct Layout {
  std::size_t word, gprs;
  std::size_t rip, rflags, hflags, segments, ldt, tr, gdt, idt, sysenter_cs, sysenter_esp, sysenter_eip, cr0,
      cr2, cr3, cr4, dr, a20_mask, mxcsr;
  std::size_t long_mode;  ///< EFER, STAR, LSTAR, CSTAR, SFMASK, KERNEL_GS_BASE, where there are any
  std::size_t end;
  bool has_long_mode;

  /// A segment is selector, base, limit, flags.
  constexpr std::size_t segment_size() const { return 12 + word; }
  constexpr std::size_t limit() const { return 4 + word; }  ///< in a segment
};

constexpr Layout layout_for(Emulator emulator) {
  Layout at{};
  at.has_long_mode = emulator == Emulator::x86_64;
  at.word = at.has_long_mode ? 8 : 4;
  at.gprs = at.has_long_mode ? 16 : 8;
  std::size_t next = at.word * at.gprs;
  const auto take = [&](std::size_t bytes) {
    next += bytes;
    return next - bytes;
  };
  at.rip = take(at.word);
  at.rflags = take(at.word);
  at.hflags = take(4);
  take(std::size_t{4} * 2 + std::size_t{8} * 10);  // the FPU's words and registers
  at.segments = take(6 * at.segment_size());
  at.ldt = take(at.segment_size());
  at.tr = take(at.segment_size());
  at.gdt = take(at.segment_size());
  at.idt = take(at.segment_size());
  at.sysenter_cs = take(4);
  at.sysenter_esp = take(at.word);
  at.sysenter_eip = take(at.word);
  at.cr0 = take(at.word);
  at.cr2 = take(at.word);
  at.cr3 = take(at.word);
  at.cr4 = take(at.word);
  at.dr = take(8 * at.word);
  at.a20_mask = take(4);
  at.mxcsr = take(4);
  take(at.gprs * 16);  // XMM registers, as many as general ones
  at.long_mode = take(at.has_long_mode ? 48 : 0);
  at.end = next;
  return at;
}
constexpr Layout kX86_64 = layout_for(Emulator::x86_64), kI386 = layout_for(Emulator::i386);
static_assert(kX86_64.segments == 236 && kX86_64.long_mode == 816 && kX86_64.end == 864);
static_assert(kI386.segments == 132 && kI386.end == 488);

/// One candidate for the section of a vCPU: at least Layout::end bytes.
class Section {
 public:
  Section(ByteView payload, const Layout& at) : payload_(payload), at_(at) {}

  /// Values that QEMU itself can have written (target/i386/cpu.h for the HF_ flags).
  bool consistent() const {
    constexpr std::uint32_t kHfPe = 1u << 7, kHfLma = 1u << 14;
    constexpr std::uint64_t kCr0Bits = 0xe005003f, kCr4Bits = 0x1ffffffff, kEferBits = 0xffffffff;
    const std::uint64_t cr0 = word(at_.cr0), cr4 = word(at_.cr4), efer = long_mode(0);
    const std::uint32_t hflags = u32(at_.hflags), a20_mask = u32(at_.a20_mask);
    if ((cr0 & ~kCr0Bits) != 0 || (cr4 & ~kCr4Bits) != 0 || (efer & ~kEferBits) != 0) return false;
    const bool pe = (cr0 & cr0::kPe) != 0, pg = (cr0 & cr0::kPg) != 0, lma = (efer & efer::kLma) != 0;
    if ((pg && !pe) || (lma && (!pg || (cr4 & cr4::kPae) == 0 || (efer & efer::kLme) == 0))) return false;
    if (((hflags & kHfPe) != 0) != pe || ((hflags & kHfLma) != 0) != lma) return false;
    if (a20_mask != 0xffffffff && a20_mask != 0xffefffff) return false;
    if (u32(at_.mxcsr) > 0xffff) return false;
    for (std::size_t i = 0; i < 8; ++i)  // six segments, LDT and TR follow each other
      if (u32(at_.segments + i * at_.segment_size()) > 0xffff) return false;
    return u32(at_.gdt + at_.limit()) <= 0xffff && u32(at_.idt + at_.limit()) <= 0xffff;
  }

  CpuState state(unsigned index) const {
    CpuState cpu;
    cpu.index = index;
    for (std::size_t i = 0; i < at_.gprs; ++i) cpu.gpr[i] = word(at_.word * i);
    cpu.rip = word(at_.rip);
    cpu.rflags = word(at_.rflags);
    cpu.cpl = u32(at_.hflags) & 3;
    Segment* const segments[] = {&cpu.es, &cpu.cs, &cpu.ss, &cpu.ds, &cpu.fs, &cpu.gs};
    for (std::size_t i = 0; i < std::size(segments); ++i)
      *segments[i] = segment(at_.segments + i * at_.segment_size());
    cpu.ldt = segment(at_.ldt);
    cpu.tr = segment(at_.tr);
    cpu.gdt = table(at_.gdt);
    cpu.idt = table(at_.idt);
    cpu.cr0 = word(at_.cr0);
    cpu.cr2 = word(at_.cr2);
    cpu.cr3 = word(at_.cr3);
    cpu.cr4 = word(at_.cr4);
    cpu.efer = long_mode(0);
    for (const std::size_t i : {0u, 1u, 2u, 3u, 6u, 7u}) cpu.dr[i] = word(at_.dr + at_.word * i);
    Msrs msrs;
    msrs.star = long_mode(1);
    msrs.lstar = long_mode(2);
    msrs.cstar = long_mode(3);
    msrs.sfmask = long_mode(4);
    msrs.kernel_gs_base = long_mode(5);
    msrs.sysenter_cs = u32(at_.sysenter_cs);
    msrs.sysenter_esp = word(at_.sysenter_esp);
    msrs.sysenter_eip = word(at_.sysenter_eip);
    cpu.msrs = msrs;
    return cpu;
  }

 private:
  std::uint64_t u64(std::size_t offset) const { return load_be<std::uint64_t>(payload_, offset).value_or(0); }
  std::uint32_t u32(std::size_t offset) const { return load_be<std::uint32_t>(payload_, offset).value_or(0); }
  std::uint64_t word(std::size_t offset) const { return at_.word == 8 ? u64(offset) : u32(offset); }
  std::uint64_t long_mode(std::size_t i) const { return at_.has_long_mode ? u64(at_.long_mode + 8 * i) : 0; }
  Segment segment(std::size_t offset) const {
    constexpr std::uint32_t kAttributes =
        0x00ffff00;  // the rest of the doubleword is base bits; HMP hides them too
    return {static_cast<std::uint16_t>(u32(offset)), word(offset + 4), u32(offset + at_.limit()),
            u32(offset + at_.limit() + 4) & kAttributes};
  }
  TableRegister table(std::size_t offset) const { return {Gva{word(offset + 4)}, u32(offset + at_.limit())}; }

  ByteView payload_;
  const Layout& at_;
};

bool same_tables(const CpuState& a, const CpuState& b, bool with_efer) {
  return a.gdt == b.gdt && a.idt == b.idt && (!with_efer || a.efer == b.efer);
}

std::string section_of(unsigned index) {
  return "device state: cpu section of vCPU " + std::to_string(index);
}

/// `indices[i]` is the vCPU wanted at place i; `reference` is empty or as long.
Result<std::vector<CpuState>> parse(ByteView stream, std::span<const unsigned> indices,
                                    std::span<const CpuState> reference, Emulator emulator) {
  const Layout& at = emulator == Emulator::x86_64 ? kX86_64 : kI386;
  if (stream.size() > kMaxStream)
    return fail(Errc::oversized, "device state: the stream is longer than 64 MiB");
  std::vector<std::optional<CpuState>> found(indices.size());
  std::vector<bool> refused(indices.size());
  const ByteView name = as_bytes(kName);
  constexpr std::size_t kBefore = 1 + 4, kAfter = 4 + 4;  // type and section id; instance and version
  for (auto hit = stream.begin();; ++hit) {
    hit = std::search(hit, stream.end(), name.begin(), name.end());
    if (hit == stream.end()) break;
    const auto offset = static_cast<std::size_t>(hit - stream.begin());
    const std::size_t header = offset + name.size(), payload = header + kAfter;
    if (offset < kBefore || stream[offset - kBefore] != kSectionFull) continue;
    if (stream.size() < payload || stream.size() - payload < at.end) continue;
    if (load_be<std::uint32_t>(stream, header + 4) != kVersion) continue;
    const auto wanted = std::ranges::find(indices, load_be<std::uint32_t>(stream, header).value_or(0));
    if (wanted == indices.end()) continue;
    const auto place = static_cast<std::size_t>(wanted - indices.begin());
    const Section section(stream.subspan(payload), at);
    if (!section.consistent()) continue;
    CpuState cpu = section.state(*wanted);
    if (!reference.empty()) {
      if (!same_tables(cpu, reference[place], at.has_long_mode)) {
        refused[place] = true;
        continue;
      }
      cpu.efer = reference[place].efer;
    }
    if (found[place] && *found[place] != cpu)
      return fail(Errc::malformed, section_of(*wanted) + " stands twice with different values");
    found[place] = std::move(cpu);
  }
  std::vector<CpuState> cpus;
  cpus.reserve(found.size());
  for (std::size_t place = 0; place < found.size(); ++place) {
    if (!found[place] && refused[place])
      return fail(Errc::mismatch,
                  section_of(indices[place]) + " has another GDTR, IDTR or EFER than info registers");
    if (!found[place]) return fail(Errc::malformed, section_of(indices[place]) + " is missing");
    cpus.push_back(std::move(*found[place]));
  }
  return cpus;
}

Result<void> check_count(std::size_t count) {
  if (count == 0 || count > kMaxCpus)
    return fail(Errc::invalid_argument, "device state: asked for " + std::to_string(count) + " vCPUs");
  return {};
}

}  // namespace

Result<std::vector<CpuState>> parse_vmstate_cpus(ByteView stream, unsigned vcpu_count, Emulator emulator) {
  RINGSIDE_CHECK(check_count(vcpu_count));
  std::vector<unsigned> indices(vcpu_count);
  for (unsigned i = 0; i < vcpu_count; ++i) indices[i] = i;
  return parse(stream, indices, {}, emulator);
}

Result<std::vector<CpuState>> parse_vmstate_cpus(ByteView stream, std::span<const CpuState> reference,
                                                 Emulator emulator) {
  RINGSIDE_CHECK(check_count(reference.size()));
  std::vector<unsigned> indices;
  indices.reserve(reference.size());
  for (const CpuState& cpu : reference) indices.push_back(cpu.index);
  return parse(stream, indices, reference, emulator);
}

}  // namespace ringside::guest::x86
