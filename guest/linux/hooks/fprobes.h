// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace ringside::guest::linux {

/// A handler of a probe on the entry or exit of many functions (kernel/trace/fprobe.c).
struct FprobeHandler {
  Gva probe;  ///< the struct fprobe
  std::uint32_t flags = 0;
  std::string_view slot;  ///< "entry_handler", "exit_handler", "rethook.handler"
  Gva function;
};

/// Most probes that a walk takes.
inline constexpr std::uint64_t kMaxFprobes = 1u << 14;

/// The handlers of every registered fprobe. Up to 6.13 each is an ftrace_ops of its own, from 6.14 on they
/// hang in fprobe_table. None on a kernel without them. An error means that nothing could be said.
Result<Listing<FprobeHandler>> fprobe_handlers(Kernel& kernel);

}  // namespace ringside::guest::linux
