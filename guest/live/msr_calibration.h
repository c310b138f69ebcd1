// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "guest/x86/cpu_state.h"
#include "guest/x86/vmstate_cpu.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// MSRs out of QEMU's own CPUX86State (QEMU target/i386/cpu.h), by bytes alone.
///
/// The descriptor-table and control registers stand side by side in it: ldt, tr, gdt, idt as SegmentCache
/// (selector, base, limit, flags), then cr[5]; bases and control registers are as wide as the emulator's
/// registers. `info registers` prints their values, so the structure is found by them. The MSRs stand some
/// KiB later, in an order that is the same from QEMU 5.2 to 10.1; how much later is a property of the build,
/// and is learned from values known by another way.
namespace ringside::guest::live {

/// A view of one vCPU's state starts with the base of its ldt; so many bytes of it are enough to recognise
/// the vCPU.
inline constexpr std::size_t kFingerprintSize = 128;
/// The MSRs are searched this far.
inline constexpr std::size_t kViewSize = 64u << 10;

/// The block of MSRs in a view: from sysenter_cs to kernelgsbase, or to sysenter_eip with qemu-system-i386.
inline constexpr std::size_t kMsrsSize = 72;

/// Where the MSRs stand in a view.
struct MsrLayout {
  std::uint32_t msrs = 0;             ///< of sysenter_cs, the first of the block
  std::optional<std::uint32_t> efer;  ///< nullopt: not unique when it was learned
  bool operator==(const MsrLayout&) const = default;
};

/// Whether `view` is `cpu`'s state: LDT, TR, GDT, IDT, CR0 and CR4 (but for TS and PGE, which a running
/// kernel flips). CR3 changes with every task and is not compared.
bool holds_cpu(ByteView view, const x86::CpuState& cpu, x86::Emulator emulator);

/// Appends to matches[i] every address in `memory` (which starts at `start`) where a view of cpus[i] starts.
void find_cpu_views(ByteView memory, std::uint64_t start, std::span<const x86::CpuState> cpus,
                    x86::Emulator emulator, std::vector<std::vector<std::uint64_t>>& matches);

/// The one view of each vCPU. `unavailable` unless every vCPU has exactly one, of its own.
Result<std::vector<std::uint64_t>> unambiguous(const std::vector<std::vector<std::uint64_t>>& matches);

/// Learns the layout from views of vCPUs whose MSRs are known. `unavailable` unless one place, and only one,
/// fits all vCPUs, and on each STAR, LSTAR and SFMASK are set, or the three of SYSENTER (zeros would fit
/// anywhere).
Result<MsrLayout> learn_layout(std::span<const Bytes> views, std::span<const x86::CpuState> known,
                               x86::Emulator emulator);

/// The MSRs in `view`. `mismatch` if it does not hold `cpu` (any more), EFER included.
Result<x86::Msrs> extract_msrs(ByteView view, const MsrLayout& layout, const x86::CpuState& cpu,
                               x86::Emulator emulator);

}  // namespace ringside::guest::live
