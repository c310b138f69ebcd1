// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/x86/cpu_state.h"
#include "qmp/monitor.h"

#include <span>
#include <vector>

namespace ringside::guest::live {

/// The state of all devices, without RAM, as xen-save-devices-state writes it. QEMU stops the guest for it
/// (about 2 ms) and lets it run again itself. `unavailable` while a migration is active, or if no file can be
/// shared.
Result<Bytes> save_device_state(qmp::Monitor& monitor);

/// The vCPUs of that stream, MSRs included. The stream holds bytes of the guest's choosing, so a section
/// counts only if it has the GDTR, IDTR and EFER that `reference`, just read, has (x86/vmstate_cpu.h).
Result<std::vector<x86::CpuState>> read_vmstate_cpus(qmp::Monitor& monitor,
                                                     std::span<const x86::CpuState> reference);

}  // namespace ringside::guest::live
