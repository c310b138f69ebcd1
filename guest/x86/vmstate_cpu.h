// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/x86/cpu_state.h"

#include <vector>

namespace ringside::guest::x86 {

/// The "cpu" sections of a device-state stream as `xen-save-devices-state` writes it, MSRs included.
/// The layout is migration ABI, the same from QEMU 5.2 to 10.1 (target/i386/machine.c, vmstate_x86_cpu,
/// version 12). The stream is QEMU's but holds guest-chosen values: bounded, and `malformed` unless each vCPU
/// is found once.
Result<std::vector<CpuState>> parse_vmstate_cpus(ByteView stream, unsigned vcpu_count);

}  // namespace ringside::guest::x86
