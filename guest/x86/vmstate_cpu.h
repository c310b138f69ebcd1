// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/x86/cpu_state.h"

#include <span>
#include <vector>

namespace ringside::guest::x86 {

/// The "cpu" sections of a device-state stream as `xen-save-devices-state` writes it, MSRs included, by vCPU.
/// The layout is migration ABI, the same from QEMU 5.2 to 10.1 (target/i386/machine.c, vmstate_x86_cpu,
/// version 12), and that of the x86_64 emulator: qemu-system-i386 writes narrower fields and no STAR, LSTAR,
/// ... at all. CpuState::halted is not in these sections and stays false.
///
/// The sections between are not parsed, and devices put guest-chosen bytes into them that can look like a cpu
/// section. So a section counts only if its control registers, segments and flags fit each other, and
/// `malformed` is the answer unless every vCPU from 0 to `vcpu_count` - 1 is found in one version only.
Result<std::vector<CpuState>> parse_vmstate_cpus(ByteView stream, unsigned vcpu_count);

/// The same for the vCPUs that parse_info_registers() gave, in that order. A section counts only if it has
/// the GDTR, IDTR and EFER of its vCPU there, none of which changes while a kernel runs; `mismatch` if none
/// has.
Result<std::vector<CpuState>> parse_vmstate_cpus(ByteView stream, std::span<const CpuState> reference);

}  // namespace ringside::guest::x86
