// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/x86/cpu_state.h"
#include "guest/x86/vmstate_cpu.h"
#include "qmp/monitor.h"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ringside::guest::live {

/// The state of all devices, without RAM, as xen-save-devices-state writes it. QEMU stops the guest for it
/// (about 2 ms) and lets it run again itself.
class DeviceState {
 public:
  /// `monitor` must outlive it.
  explicit DeviceState(qmp::Monitor& monitor);
  ~DeviceState();
  DeviceState(const DeviceState&) = delete;
  DeviceState& operator=(const DeviceState&) = delete;

  /// What saves it; asked for once. One that does not say is taken for x86_64, the other one's superset.
  x86::Emulator emulator();
  /// `unavailable` while a migration is active, or if no file can be shared.
  Result<Bytes> save();
  /// The vCPUs of it, MSRs included. The stream holds bytes of the guest's choosing, so a section counts only
  /// if it has the GDTR, IDTR and EFER that `reference`, just read, has (x86/vmstate_cpu.h).
  Result<std::vector<x86::CpuState>> read_cpus(std::span<const x86::CpuState> reference);

 private:
  struct PassedFile;
  Result<Bytes> save_by_descriptor();
  qmp::Monitor& monitor_;
  std::unique_ptr<PassedFile> file_;
  std::optional<x86::Emulator> emulator_;
};

}  // namespace ringside::guest::live
