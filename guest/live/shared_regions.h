// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/live/qemu_process.h"
#include "guest/memory/backends.h"
#include "guest/memory/memory_map.h"
#include "qmp/monitor.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::live {

/// A file that may hold guest RAM, and how surely it does.
struct FoundRegion {
  memory::SharedRegion region;
  bool proven = false;  ///< it is the very inode that QEMU has mapped there
};

/// For one RAM block: the shared mapping behind it as offsets of a file, nullopt if it is private or pieces
/// disagree.
struct MappedBlock {
  std::string block;
  std::uint64_t file_offset = 0;  ///< of the block's first byte
  const Mapping* mapping = nullptr;
};
std::vector<MappedBlock> shared_blocks(const memory::MemoryMap& map, const std::vector<Mapping>& mappings);

/// The files behind `map`'s RAM by the mappings of process `qemu`: the path in /proc/PID/maps if it is the
/// same inode here, else the descriptor of QEMU that has it open (a memfd has no path).
std::vector<FoundRegion> regions_of_process(const memory::MemoryMap& map,
                                            const std::vector<Mapping>& mappings, pid_t qemu);

/// The files behind `map`'s RAM by QEMU's own account (memory-backend-file objects with share=on). Works
/// without rights over the process, but a path may name another file in our mount namespace: to be verified.
std::vector<FoundRegion> regions_of_qom(const memory::MemoryMap& map, qmp::Monitor& monitor);

}  // namespace ringside::guest::live
