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

/// Offsets in the section; every field is big-endian. A segment is selector, base, limit, flags in 20 bytes.
namespace at {
constexpr std::size_t kRegs = 0, kRip = 128, kRflags = 136, kHflags = 144, kSegments = 236, kLdt = 356,
                      kTr = 376, kGdt = 396, kIdt = 416, kSysenterCs = 436, kSysenterEsp = 440,
                      kSysenterEip = 448, kCr0 = 456, kCr2 = 464, kCr3 = 472, kCr4 = 480, kDr = 488,
                      kA20Mask = 552, kMxcsr = 556, kEfer = 816, kStar = 824, kLstar = 832, kCstar = 840,
                      kFmask = 848, kKernelGsBase = 856, kEnd = 864;
constexpr std::size_t kSegmentSize = 20;
}  // namespace at

/// One candidate for the section of a vCPU: at least at::kEnd bytes.
class Section {
 public:
  explicit Section(ByteView payload) : payload_(payload) {}

  /// Values that QEMU itself can have written (target/i386/cpu.h for the HF_ flags).
  bool consistent() const {
    constexpr std::uint32_t kHfPe = 1u << 7, kHfLma = 1u << 14;
    constexpr std::uint64_t kCr0Bits = 0xe005003f, kCr4Bits = 0x1ffffffff, kEferBits = 0xffffffff;
    const std::uint64_t cr0 = u64(at::kCr0), cr4 = u64(at::kCr4), efer = u64(at::kEfer);
    const std::uint32_t hflags = u32(at::kHflags), a20_mask = u32(at::kA20Mask);
    if ((cr0 & ~kCr0Bits) != 0 || (cr4 & ~kCr4Bits) != 0 || (efer & ~kEferBits) != 0) return false;
    const bool pe = (cr0 & cr0::kPe) != 0, pg = (cr0 & cr0::kPg) != 0, lma = (efer & efer::kLma) != 0;
    if ((pg && !pe) || (lma && (!pg || (cr4 & cr4::kPae) == 0 || (efer & efer::kLme) == 0))) return false;
    if (((hflags & kHfPe) != 0) != pe || ((hflags & kHfLma) != 0) != lma) return false;
    if (a20_mask != 0xffffffff && a20_mask != 0xffefffff) return false;
    if (u32(at::kMxcsr) > 0xffff) return false;
    for (std::size_t i = 0; i < 8; ++i)  // six segments, LDT and TR follow each other
      if (u32(at::kSegments + i * at::kSegmentSize) > 0xffff) return false;
    return u32(at::kGdt + 12) <= 0xffff && u32(at::kIdt + 12) <= 0xffff;
  }

  CpuState state(unsigned index) const {
    CpuState cpu;
    cpu.index = index;
    for (std::size_t i = 0; i < cpu.gpr.size(); ++i) cpu.gpr[i] = u64(at::kRegs + 8 * i);
    cpu.rip = u64(at::kRip);
    cpu.rflags = u64(at::kRflags);
    cpu.cpl = u32(at::kHflags) & 3;
    Segment* const segments[] = {&cpu.es, &cpu.cs, &cpu.ss, &cpu.ds, &cpu.fs, &cpu.gs};
    for (std::size_t i = 0; i < std::size(segments); ++i)
      *segments[i] = segment(at::kSegments + i * at::kSegmentSize);
    cpu.ldt = segment(at::kLdt);
    cpu.tr = segment(at::kTr);
    cpu.gdt = table(at::kGdt);
    cpu.idt = table(at::kIdt);
    cpu.cr0 = u64(at::kCr0);
    cpu.cr2 = u64(at::kCr2);
    cpu.cr3 = u64(at::kCr3);
    cpu.cr4 = u64(at::kCr4);
    cpu.efer = u64(at::kEfer);
    for (const std::size_t i : {0u, 1u, 2u, 3u, 6u, 7u}) cpu.dr[i] = u64(at::kDr + 8 * i);
    Msrs msrs;
    msrs.star = u64(at::kStar);
    msrs.lstar = u64(at::kLstar);
    msrs.cstar = u64(at::kCstar);
    msrs.sfmask = u64(at::kFmask);
    msrs.sysenter_cs = u32(at::kSysenterCs);
    msrs.sysenter_esp = u64(at::kSysenterEsp);
    msrs.sysenter_eip = u64(at::kSysenterEip);
    msrs.kernel_gs_base = u64(at::kKernelGsBase);
    cpu.msrs = msrs;
    return cpu;
  }

 private:
  std::uint64_t u64(std::size_t offset) const { return load_be<std::uint64_t>(payload_, offset).value_or(0); }
  std::uint32_t u32(std::size_t offset) const { return load_be<std::uint32_t>(payload_, offset).value_or(0); }
  Segment segment(std::size_t offset) const {
    constexpr std::uint32_t kAttributes =
        0x00ffff00;  // the rest of the doubleword is base bits; HMP hides them too
    return {static_cast<std::uint16_t>(u32(offset)), u64(offset + 4), u32(offset + 12),
            u32(offset + 16) & kAttributes};
  }
  TableRegister table(std::size_t offset) const { return {Gva{u64(offset + 4)}, u32(offset + 12)}; }

  ByteView payload_;
};

bool same_tables(const CpuState& a, const CpuState& b) {
  return a.gdt == b.gdt && a.idt == b.idt && a.efer == b.efer;
}

std::string section_of(unsigned index) {
  return "device state: cpu section of vCPU " + std::to_string(index);
}

/// `indices[i]` is the vCPU wanted at place i; `reference` is empty or as long.
Result<std::vector<CpuState>> parse(ByteView stream, std::span<const unsigned> indices,
                                    std::span<const CpuState> reference) {
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
    if (stream.size() < payload || stream.size() - payload < at::kEnd) continue;
    if (load_be<std::uint32_t>(stream, header + 4) != kVersion) continue;
    const auto wanted = std::ranges::find(indices, load_be<std::uint32_t>(stream, header).value_or(0));
    if (wanted == indices.end()) continue;
    const auto place = static_cast<std::size_t>(wanted - indices.begin());
    const Section section(stream.subspan(payload));
    if (!section.consistent()) continue;
    CpuState cpu = section.state(*wanted);
    if (!reference.empty() && !same_tables(cpu, reference[place])) {
      refused[place] = true;
      continue;
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

Result<std::vector<CpuState>> parse_vmstate_cpus(ByteView stream, unsigned vcpu_count) {
  RINGSIDE_CHECK(check_count(vcpu_count));
  std::vector<unsigned> indices(vcpu_count);
  for (unsigned i = 0; i < vcpu_count; ++i) indices[i] = i;
  return parse(stream, indices, {});
}

Result<std::vector<CpuState>> parse_vmstate_cpus(ByteView stream, std::span<const CpuState> reference) {
  RINGSIDE_CHECK(check_count(reference.size()));
  std::vector<unsigned> indices;
  indices.reserve(reference.size());
  for (const CpuState& cpu : reference) indices.push_back(cpu.index);
  return parse(stream, indices, reference);
}

}  // namespace ringside::guest::x86
