// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <string>

namespace ringside::guest::linux {

/// One record of the printk ring buffer (kernel/printk/printk_ringbuffer.h).
struct LogRecord {
  std::uint64_t sequence = 0;
  std::uint64_t timestamp = 0;    ///< ns since boot, of the kernel's local clock
  std::uint8_t level = 0;         ///< 0 (emergency) to 7 (debug)
  std::uint8_t facility = 0;      ///< 0: the kernel; others wrote to /dev/kmsg
  std::uint32_t caller = 0;       ///< thread id, or 0x80000000 + CPU outside of a task
  bool finalized = false;         ///< false: a continued line, not complete yet; /dev/kmsg does not show it
  std::string text;               ///< as the guest holds it: any bytes, several lines possible
  std::string subsystem, device;  ///< of dev_printk(), else empty
  Gva gva;                        ///< of its struct printk_info
};

/// "T1" or "C0", as /dev/kmsg names the caller.
std::string caller_name(std::uint32_t caller);

/// The kernel's log, oldest first: all that /dev/kmsg could still give. Records whose text the kernel itself
/// has dropped are left out, as it does. Errors: `not_found` or `unavailable` where the ring buffer cannot be
/// found.
Result<Listing<LogRecord>> kernel_log(Kernel& kernel);

}  // namespace ringside::guest::linux
