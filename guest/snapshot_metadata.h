// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/memory/memory_map.h"
#include "guest/snapshot.h"
#include "guest/x86/cpu_state.h"

#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest {

/// Everything of a snapshot but its pages; JSON in the file (docs/snapshot-format.md).
struct SnapshotMetadata {
  GuestInfo info;
  memory::MemoryMap map;
  std::vector<x86::CpuState> cpus;
};

std::string write_metadata(const SnapshotMetadata& metadata);
/// `malformed` for anything that write_metadata() does not write. Keys that it does not know are ignored.
Result<SnapshotMetadata> parse_metadata(std::string_view json);

}  // namespace ringside::guest
