// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// A handler of a probe in the kernel's code (kernel/kprobes.c).
struct KprobeHandler {
  Gva probe;                   ///< the struct kprobe
  std::optional<Gva> manager;  ///< the kprobe that stands for all of its address, where there are several
  Gva address;                 ///< what is probed
  std::uint32_t flags = 0;     ///< KPROBE_FLAG_*
  /// "pre_handler", "post_handler", "fault_handler"; of a kretprobe "handler", "entry_handler", and
  /// "rethook.handler", which its return goes through first.
  std::string_view slot;
  Gva function;
};

/// Most probes that a walk takes.
inline constexpr std::uint64_t kMaxKprobes = 1u << 16;

/// The handlers of every probe in kprobe_table, of kretprobes too. None on a kernel without kprobes. An error
/// means that nothing could be said.
Result<Listing<KprobeHandler>> kprobe_handlers(Kernel& kernel);

/// "DISABLED|FTRACE" for KPROBE_FLAG_* (include/linux/kprobes.h).
std::string kprobe_flag_names(std::uint32_t flags);

}  // namespace ringside::guest::linux
