// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/live/connectors.h"
#include "guest/live/freeze_window.h"
#include "guest/memory/physical_memory.h"
#include "guest/snapshot.h"
#include "qmp/monitor.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::live {

enum class Backend { automatic, mapped, process, qmp, gdbstub };
Result<Backend> parse_backend(std::string_view name);  ///< "auto", "mapped", "process", "qmp", "gdbstub"

/// How MSRs are had.
enum class MsrSource {
  automatic,   ///< calibrated if it is or can be calibrated, else from the device state
  calibrated,  ///< out of QEMU's own CPU state, without stopping; `unavailable` if not calibrated
  vmstate,     ///< xen-save-devices-state: stops the guest for about 2 ms
  none,
};

class GoldenFiles;
class KernelStore;

struct AttachOptions {
  io::Endpoint endpoint;
  Backend backend = Backend::automatic;
  std::string state_directory;  ///< for the freeze journal and the MSR calibration
  qmp::ConnectOptions connect{};
  /// How to reach the monitor and the gdbstub if not by sockets on `loop`: for endpoints of libvirt.
  std::optional<Connectors> connectors{};
  /// Known kernel builds and vendors' files, for all guests of one process; empty: of this guest alone.
  std::shared_ptr<KernelStore> kernels{};
  std::shared_ptr<GoldenFiles> golden{};
  /// QEMU's pid where it is known and the monitor does not tell; proven by memory mappings like any other.
  std::optional<pid_t> qemu_pid{};
  /// Asked between the calls that attaching makes, where nothing has to be put back: its error ends the
  /// attempt. A monitor that answers each call in time may still take for ever.
  std::function<Result<void>()> may_go_on = [] { return Result<void>(); };
};

/// A running guest, attached to by its QMP socket. Detaching (the destructor) leaves nothing behind in QEMU.
/// Not thread-safe.
class LiveGuest {
 public:
  /// First gives back what a dead owner's freeze window left of this guest (FreezeJournal::replay).
  /// Errors: `refused`, `monitor_busy`, `closed`, `deadline`, `malformed`, `permission`, `unsupported` (no
  /// x86 guest).
  static Result<std::unique_ptr<LiveGuest>> attach(io::EventLoop& loop, AttachOptions options);
  virtual ~LiveGuest() = default;

  virtual qmp::Monitor& monitor() = 0;
  virtual memory::PhysicalMemory& memory() = 0;
  /// Why the better backends were passed over, one line each; for --explain and errors.
  virtual const std::vector<std::string>& backend_notes() const = 0;
  virtual FreezeJournal& journal() = 0;
  /// Who the guest is; `status` and `taken` are of the attach, a snapshot's are fresh.
  virtual const GuestInfo& info() const = 0;
  /// The QEMU process, proven by its memory mappings; nullopt where it is out of sight.
  virtual std::optional<pid_t> qemu_pid() const = 0;

  /// Registers of every vCPU, without stopping the guest but for MsrSource::vmstate.
  virtual Result<std::vector<x86::CpuState>> read_cpus(MsrSource msrs) = 0;
  /// Fresh registers, empty page cache; memory is read from the guest as it is asked for.
  virtual Result<std::unique_ptr<Snapshot>> snapshot(MsrSource msrs = MsrSource::automatic) = 0;
  /// While the window is open, everything here works inside it and opens none of its own.
  virtual Result<std::unique_ptr<FreezeWindow>> freeze() = 0;
  /// Compare, write, read back, all in one freeze window through the gdbstub; RAM only. `mismatch` if the
  /// guest does not hold `expected` (nothing is written then) or does not hold `replacement` afterwards.
  struct PhysicalWrite {
    Gpa gpa;
    Bytes expected, replacement;  ///< of equal length
  };
  virtual Result<void> write(const std::vector<PhysicalWrite>& writes) = 0;
  /// Re-reads the memory map and chooses the backend anew (after hot-plug or reset). memory() is another one
  /// then: snapshots of before must be gone.
  virtual Result<void> refresh_map() = 0;
};

}  // namespace ringside::guest::live
