// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/live/freeze_window.h"
#include "guest/live/live_guest.h"
#include "guest/live/private_directory.h"
#include "guest/live/qemu_process.h"
#include "guest/memory/backends.h"
#include "guest/memory/physical_memory.h"
#include "qmp/monitor.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::live {

/// A way to guest memory that has proven itself by a read.
struct SelectedBackend {
  std::unique_ptr<memory::PhysicalMemory> memory;
  std::optional<PrivateDirectory> exchange;  ///< of the qmp backend; lives as long as `memory`
};

/// What backends are chosen by.
struct BackendContext {
  qmp::Monitor& monitor;
  const memory::MemoryMap& map;
  std::optional<pid_t> qemu;                                                ///< proven to be the guest's QEMU
  const std::vector<Mapping>& mappings;                                     ///< of `qemu`
  std::string no_process;                                                   ///< why `qemu` is not known
  std::function<Result<void>()> may_go_on = [] { return Result<void>(); };  ///< as in AttachOptions
  /// Opens the guest's freeze window, or gives the one that is open.
  memory::BurstReader read_frozen;
};

/// Best first: mapped, process, qmp, gdbstub; or the one that is asked for. `notes` gains a line for every
/// better one that was passed over. The error of a forced backend is its own; of none at all, `unsupported`
/// with all reasons.
Result<SelectedBackend> select_backend(Backend wanted, const BackendContext& context,
                                       std::vector<std::string>& notes);

/// The bytes that HMP `xp /8gx GPA` printed: 64 bytes in guest memory order.
Result<Bytes> parse_xp(std::string_view text);

/// Whether two ways to the same memory agree. Places are compared where the trusted one holds something else
/// than zeros; a running guest may change one between two looks, so each place has three tries. `mismatch`
/// names the first GPA that stays different; `unavailable` if all that was looked at was zero.
using MemoryReader = std::function<Result<void>(Gpa, std::span<std::byte>)>;
Result<void> compare_memory(const memory::MemoryMap& map, const std::string& block,
                            const MemoryReader& checked, const MemoryReader& trusted);

}  // namespace ringside::guest::live
