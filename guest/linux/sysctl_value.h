// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/linux/kernel.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ringside::guest::linux {

/// How the handler of a sysctl value writes it.
enum class SysctlFormat : std::uint8_t {
  text,               ///< char[]
  boolean,            ///< bool
  bytes,              ///< u8[]
  integers,           ///< int[]
  unsigneds,          ///< unsigned int[]
  longs,              ///< unsigned long[]
  longs_ms,           ///< unsigned long[], jiffies shown as milliseconds
  seconds,            ///< int[], jiffies shown as seconds
  user_ticks,         ///< int[], jiffies shown as hundredths of a second
  milliseconds,       ///< int[], jiffies shown as milliseconds
  bitmap,             ///< a pointer to a bitmap, shown as ranges
  uuid,               ///< 16 bytes
  bytes_or_integers,  ///< by length; SysctlHandlers decides
  neighbour,          ///< by the name of the file; SysctlHandlers decides
};

/// What stands at `data`, as the kernel's handler would write it (kernel/sysctl.c), without the newline.
/// `hz`: ticks a second; nullopt: not known. `word`: bytes of a long. nullopt: it takes what is not known.
std::optional<std::string> format_sysctl(SysctlFormat format, ByteView data, unsigned word,
                                         std::optional<unsigned> hz);
/// Ranges of set bits, "1-3,7" (proc_do_large_bitmap()).
std::string format_bitmap(ByteView bits);

/// Formats of those handlers of the kernel image that only write what stands at `data`.
class SysctlHandlers {
 public:
  explicit SysctlHandlers(Kernel& kernel);
  /// `name`, `length`: of the value. nullopt: an unknown handler, or one that computes.
  std::optional<SysctlFormat> format(Gva handler, std::string_view name, std::uint32_t length) const;
  std::optional<unsigned> hz() const { return hz_; }

 private:
  std::unordered_map<std::uint64_t, SysctlFormat> formats_;
  std::optional<unsigned> hz_;
};

}  // namespace ringside::guest::linux
