// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/x86/cpu_state.h"

#include <cstdint>
#include <span>
#include <vector>

namespace ringside::guest::x86 {

/// QEMU's program for a guest of 32 or 64 bits, or of 32 alone. They keep and save registers of different
/// widths (TARGET_X86_64, target/i386/cpu.h), and qemu-system-i386 has no LSTAR, CSTAR, SFMASK and
/// KERNEL_GS_BASE.
enum class Emulator : std::uint8_t { x86_64, i386 };

/// The "cpu" sections of a device-state stream as `xen-save-devices-state` writes it, MSRs included, by vCPU.
/// The layout is migration ABI, the same from QEMU 5.2 to 10.1 (target/i386/machine.c, vmstate_x86_cpu,
/// version 12). CpuState::halted is not in these sections and stays false; nor are EFER and STAR in those of
/// qemu-system-i386, which stay 0.
///
/// The sections between are not parsed, and devices put guest-chosen bytes into them that can look like a cpu
/// section. So a section counts only if its control registers, segments and flags fit each other, and
/// `malformed` is the answer unless every vCPU from 0 to `vcpu_count` - 1 is found in one version only.
Result<std::vector<CpuState>> parse_vmstate_cpus(ByteView stream, unsigned vcpu_count,
                                                 Emulator emulator = Emulator::x86_64);

/// The same for the vCPUs that parse_info_registers() gave, in that order. A section counts only if it has
/// the GDTR, IDTR and EFER of its vCPU there, none of which changes while a kernel runs; `mismatch` if none
/// has. An EFER that is not saved is that of the reference.
Result<std::vector<CpuState>> parse_vmstate_cpus(ByteView stream, std::span<const CpuState> reference,
                                                 Emulator emulator = Emulator::x86_64);

}  // namespace ringside::guest::x86
