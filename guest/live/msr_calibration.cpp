// SPDX-License-Identifier: Apache-2.0
#include "guest/live/msr_calibration.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::guest::live {

namespace {

/// Where in a view what stands; see the header for where that comes from.
struct ViewLayout {
  std::size_t word;  ///< bytes of a base, a control register, SYSENTER_ESP and SYSENTER_EIP
  std::size_t ldt_base, tr_base, gdt_base, gdt_limit, idt_base, idt_limit, cr0, cr4;
};
constexpr ViewLayout layout_of(x86::Emulator emulator) {
  const std::size_t word = emulator == x86::Emulator::x86_64 ? 8 : 4;
  const std::size_t segment =
      8 + 2 * word;  // selector (and a gap before a base of 8 bytes), base, limit, flags
  return {.word = word,
          .ldt_base = 0,
          .tr_base = segment,
          .gdt_base = 2 * segment,
          .gdt_limit = 2 * segment + word,
          .idt_base = 3 * segment,
          .idt_limit = 3 * segment + word,
          .cr0 = 4 * segment - word,
          .cr4 = 4 * segment + 3 * word};
}
/// Offsets from sysenter_cs; vm_hsave stands at 32. With qemu-system-i386 SYSENTER_ESP and SYSENTER_EIP
/// follow at 4 and 8, and what comes after them no kernel of 32 bits uses.
constexpr std::size_t kSysenterEsp = 8, kSysenterEip = 16, kStar = 24, kLstar = 40, kCstar = 48, kSfmask = 56,
                      kKernelGsBase = 64;
constexpr std::uint64_t kCr0Ts = 1u << 3;
constexpr std::size_t kMatchBound = 64;  // of one vCPU; more are no better than two

std::uint64_t quad(ByteView view, std::size_t offset) {
  return load_le<std::uint64_t>(view, offset).value_or(0);
}
std::uint32_t word(ByteView view, std::size_t offset) {
  return load_le<std::uint32_t>(view, offset).value_or(0);
}

std::uint64_t of_width(ByteView view, std::size_t offset, std::size_t width) {
  return width == 8 ? quad(view, offset) : word(view, offset);
}

/// Needs kMsrsSize bytes at `at`.
x86::Msrs msrs_at(ByteView view, std::size_t at, x86::Emulator emulator) {
  if (emulator == x86::Emulator::i386)
    return {.sysenter_cs = word(view, at),
            .sysenter_esp = word(view, at + 4),
            .sysenter_eip = word(view, at + 8)};
  return {.star = quad(view, at + kStar),
          .lstar = quad(view, at + kLstar),
          .cstar = quad(view, at + kCstar),
          .sfmask = quad(view, at + kSfmask),
          .sysenter_cs = word(view, at),
          .sysenter_esp = quad(view, at + kSysenterEsp),
          .sysenter_eip = quad(view, at + kSysenterEip),
          .kernel_gs_base = quad(view, at + kKernelGsBase)};
}

/// The offsets in [from, to) at which `fits` all views, every `step` bytes; two say that there are several.
template <class Fits>
std::vector<std::uint32_t> offsets_that_fit(std::size_t from, std::size_t to, std::size_t step, Fits fits) {
  std::vector<std::uint32_t> offsets;
  for (std::size_t offset = from; offset < to && offsets.size() < 2; offset += step)
    if (fits(offset)) offsets.push_back(static_cast<std::uint32_t>(offset));
  return offsets;
}

/// Whether a kernel has set the registers of its system calls, so that their values can be recognised: those
/// of SYSCALL, or, as kernels of 32 bits do, those of SYSENTER alone.
bool has_entries(const x86::Msrs& msrs) {
  return (msrs.star != 0 && msrs.lstar != 0 && msrs.sfmask != 0) ||
         (msrs.sysenter_cs != 0 && msrs.sysenter_esp != 0 && msrs.sysenter_eip != 0);
}

}  // namespace

bool holds_cpu(ByteView view, const x86::CpuState& cpu, x86::Emulator emulator) {
  const ViewLayout at = layout_of(emulator);
  const auto wide = [&](std::size_t offset) { return of_width(view, offset, at.word); };
  return view.size() >= kFingerprintSize && wide(at.gdt_base) == cpu.gdt.base.value &&
         word(view, at.gdt_limit) == cpu.gdt.limit && wide(at.idt_base) == cpu.idt.base.value &&
         word(view, at.idt_limit) == cpu.idt.limit && wide(at.tr_base) == cpu.tr.base &&
         wide(at.ldt_base) == cpu.ldt.base && ((wide(at.cr0) ^ cpu.cr0) & ~kCr0Ts) == 0 &&
         ((wide(at.cr4) ^ cpu.cr4) & ~x86::cr4::kPge) == 0;
}

void find_cpu_views(ByteView memory, std::uint64_t start, std::span<const x86::CpuState> cpus,
                    x86::Emulator emulator, std::vector<std::vector<std::uint64_t>>& matches) {
  const ViewLayout layout = layout_of(emulator);
  matches.resize(cpus.size());
  std::vector<std::uint64_t> idts;
  for (const x86::CpuState& cpu : cpus) idts.push_back(cpu.idt.base.value);
  std::sort(idts.begin(), idts.end());
  idts.erase(std::unique(idts.begin(), idts.end()), idts.end());
  for (std::size_t at = 0; at + kFingerprintSize <= memory.size(); at += layout.word) {
    std::uint64_t idt = 0;
    std::memcpy(&idt, memory.data() + at + layout.idt_base, layout.word);
    if (std::find(idts.begin(), idts.end(), idt) == idts.end()) continue;
    const ByteView view = memory.subspan(at, kFingerprintSize);
    for (std::size_t i = 0; i < cpus.size(); ++i)
      if (matches[i].size() < kMatchBound && holds_cpu(view, cpus[i], emulator))
        matches[i].push_back(start + at);
  }
}

Result<std::vector<std::uint64_t>> unambiguous(const std::vector<std::vector<std::uint64_t>>& matches) {
  std::vector<std::uint64_t> addresses;
  for (std::size_t i = 0; i < matches.size(); ++i) {
    std::vector<std::uint64_t> own = matches[i];  // overlapping reads find one twice
    std::sort(own.begin(), own.end());
    own.erase(std::unique(own.begin(), own.end()), own.end());
    if (own.size() != 1)
      return fail(Errc::unavailable, fmt::format("QEMU's memory holds {} places that look like vCPU {}",
                                                 own.empty() ? "no" : "several", i));
    if (std::find(addresses.begin(), addresses.end(), own[0]) != addresses.end())
      return fail(Errc::unavailable, fmt::format("vCPU {} cannot be told from another", i));
    addresses.push_back(own[0]);
  }
  if (addresses.empty()) return fail(Errc::unavailable, "there is no vCPU");
  return addresses;
}

Result<MsrLayout> learn_layout(std::span<const Bytes> views, std::span<const x86::CpuState> known,
                               x86::Emulator emulator) {
  std::size_t size = kViewSize;
  for (const Bytes& view : views) size = std::min(size, view.size());
  if (views.empty() || views.size() != known.size() || size < kFingerprintSize + kMsrsSize)
    return fail(Errc::unavailable, "there is too little of QEMU's vCPUs to learn from");
  for (const x86::CpuState& cpu : known)
    if (!cpu.msrs || !has_entries(*cpu.msrs))
      return fail(Errc::unavailable, fmt::format("the MSRs of vCPU {} are not set up yet", cpu.index));
  const std::size_t step = layout_of(emulator).word;
  const auto msrs = offsets_that_fit(kFingerprintSize, size - kMsrsSize + 1, step, [&](std::size_t offset) {
    for (std::size_t i = 0; i < views.size(); ++i)
      if (msrs_at(views[i], offset, emulator) != *known[i].msrs) return false;
    return true;
  });
  if (msrs.size() != 1)
    return fail(Errc::unavailable, fmt::format("the MSRs fit {} place in QEMU's vCPU state",
                                               msrs.empty() ? "no" : "more than one"));
  const auto efer = offsets_that_fit(kFingerprintSize, msrs[0], step, [&](std::size_t offset) {
    for (std::size_t i = 0; i < views.size(); ++i)
      if (known[i].efer == 0 || quad(views[i], offset) != known[i].efer) return false;
    return true;
  });
  return MsrLayout{msrs[0], efer.size() == 1 ? std::optional(efer[0]) : std::nullopt};
}

Result<x86::Msrs> extract_msrs(ByteView view, const MsrLayout& layout, const x86::CpuState& cpu,
                               x86::Emulator emulator) {
  if (layout.msrs > view.size() || view.size() - layout.msrs < kMsrsSize)
    return fail(Errc::out_of_bounds, "the MSRs lie outside what was read");
  if (!holds_cpu(view, cpu, emulator) || (layout.efer && quad(view, *layout.efer) != cpu.efer))
    return fail(Errc::mismatch,
                fmt::format("QEMU's memory and info registers disagree about vCPU {}", cpu.index));
  return msrs_at(view, layout.msrs, emulator);
}

}  // namespace ringside::guest::live
