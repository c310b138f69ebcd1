// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/live/freeze_window.h"
#include "guest/live/live_guest.h"
#include "guest/memory/memory_map.h"
#include "guest/x86/cpu_state.h"
#include "qmp/monitor.h"

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::live {

/// What the MSR reader needs of the guest that it belongs to.
struct MsrContext {
  qmp::Monitor& monitor;
  const memory::MemoryMap& map;  ///< guest RAM, which is left out of the search
  std::optional<pid_t> qemu;
  std::string state_directory;
  std::function<Result<std::vector<x86::CpuState>>()> read_registers;  ///< fresh, without MSRs
  /// A freeze window; null when one is open already.
  std::function<Result<std::unique_ptr<FreezeWindow>>()> freeze;
};

/// Fills in what `info registers` does not print.
class MsrReader {
 public:
  explicit MsrReader(MsrContext context);
  ~MsrReader();
  MsrReader(const MsrReader&) = delete;
  MsrReader& operator=(const MsrReader&) = delete;

  /// Sets the MSRs of `cpus`, which read_registers() just gave (and may give again: they are replaced when a
  /// check fails). With MsrSource::automatic what cannot be had is left unknown, with the reason; else it is
  /// an error.
  Result<void> fill(std::vector<x86::CpuState>& cpus, MsrSource source);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::guest::live
