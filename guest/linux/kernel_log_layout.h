// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// The layouts of the printk ring buffer (kernel/printk/printk_ringbuffer.h).
struct LogLayout {
  // struct printk_ringbuffer
  std::uint32_t count_bits = 0, descriptors = 0, infos = 0, head_id = 0, tail_id = 0, size_bits = 0, data = 0;
  // struct prb_desc
  std::uint32_t descriptor_size = 0, state = 0, begin = 0, next = 0;
  // struct printk_info
  std::uint32_t info_size = 0, sequence = 0, timestamp = 0, text_length = 0, facility = 0, caller = 0;
  Field level;
  std::optional<Field> subsystem, device;
};

/// The head of the ring buffer (struct printk_ringbuffer), checked: every number is within its bound.
struct LogRing {
  unsigned word = 8;  ///< bytes of a long
  Gva descriptors, infos, data;
  std::uint64_t count = 0;                 ///< descriptors, and infos; a power of two
  std::uint64_t data_size = 0;             ///< bytes; a power of two
  std::uint64_t head_id = 0, tail_id = 0;  ///< newest and oldest descriptor, modulo 2^(bits of a long - 2)

  /// The two upper bits of a descriptor's state variable are its state, the others its id.
  std::uint64_t id_mask() const { return (std::uint64_t{1} << (8 * word - 2)) - 1; }
};

/// Bounds on what a guest may claim. log_buf_len goes up to 2 GiB (LOG_BUF_LEN_MAX, kernel/printk/printk.c),
/// a descriptor for each 32 bytes of it; distributions stay below 64 MiB.
inline constexpr std::uint32_t kMaxLogCountBits = 21, kMaxLogSizeBits = 31;

struct LogPlace {
  LogLayout layout;
  LogRing ring;
};

/// The ring buffer that `prb` points to, laid out as the kernel's types say. A 32-bit kernel without types
/// and without names for its variables: found by the functions that use it, and laid out as the source
/// demands.
Result<LogPlace> find_log(Kernel& kernel);

}  // namespace ringside::guest::linux
