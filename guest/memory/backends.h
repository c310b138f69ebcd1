// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/memory/physical_memory.h"

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ringside::qmp {
class Monitor;
}

namespace ringside::guest::memory {

/// A file that holds the bytes of a memory region (a memory backend with share=on).
struct SharedRegion {
  std::string block;              ///< as MemoryRange::block
  std::string path;               ///< to open: a file, or /proc/PID/fd/N of a memfd
  std::uint64_t file_offset = 0;  ///< of the region's first byte in the file
};

/// `mapped`: maps the files read-only; a read is a load. RAM ranges without a shared region (ROM, video RAM)
/// go to `rest`, which may be null (then they are `unavailable`). A truncated file gives `gone`, never SIGBUS
/// (bus_guard.h says how). With `qemu` given reads are `gone` once that process has ended, at the latest one
/// tick of the coarse clock later; 0 where the pid is not known: the mapping then outlives QEMU.
Result<std::unique_ptr<PhysicalMemory>> open_mapped(MemoryMap map, const std::vector<SharedRegion>& regions,
                                                    std::unique_ptr<PhysicalMemory> rest, pid_t qemu = 0);

/// `process`: process_vm_readv on the QEMU process, up to IOV_MAX pieces a call; single small reads by
/// /proc/PID/mem, which is cheaper. The map must carry HVAs.
/// Holds a pidfd: a recycled pid is `gone`, never another process's bytes.
Result<std::unique_ptr<PhysicalMemory>> open_process(MemoryMap map, pid_t qemu);

/// Physical reads inside one freeze window a burst; made by guest::live, which owns windows.
using BurstReader = std::function<Result<void>(std::span<ReadRequest>)>;
std::unique_ptr<PhysicalMemory> make_gdbstub_memory(MemoryMap map, BurstReader read_burst);

/// `qmp`: pmemsave into `exchange_directory`, which both sides see under the same path. Pieces of at most 1
/// MiB, so that QEMU's main loop is never held for long.
std::unique_ptr<PhysicalMemory> make_qmp_memory(MemoryMap map, qmp::Monitor& monitor,
                                                std::string exchange_directory);

}  // namespace ringside::guest::memory
