// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// A handler of a probe in a program's code (kernel/events/uprobes.c).
struct UprobeHandler {
  Gva probe;  ///< the struct uprobe
  Gva inode;  ///< of the program's file
  std::optional<std::uint64_t> inode_number;
  std::optional<std::string> path;  ///< in its file system; nullopt: not asked for, or not to be had
  std::uint64_t offset = 0;         ///< in the file, bytes
  Gva consumer;                     ///< who asked for it
  std::string_view slot;            ///< "handler", "ret_handler", "filter"
  Gva function;
};

/// Most handlers that a walk takes, and most consumers of one probe.
inline constexpr std::uint64_t kMaxUprobes = 1u << 16;
inline constexpr std::uint64_t kMaxUprobeConsumers = 1u << 12;

/// The handlers of every probe in uprobes_tree. None on a kernel without uprobes. `paths`: read the files'
/// names. An error means that nothing could be said.
Result<Listing<UprobeHandler>> uprobe_handlers(Kernel& kernel, bool paths);

}  // namespace ringside::guest::linux
