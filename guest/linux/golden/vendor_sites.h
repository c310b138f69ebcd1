// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "guest/linux/text/patch_site.h"

#include <cstdint>
#include <optional>
#include <unordered_set>

namespace ringside::guest::linux {

/// Which places the vendor's tables give to the kernel to patch while it runs. The kernel's own tables of
/// them can be written to: an entry that was made up there must not excuse code that was overwritten.
class VendorSites {
 public:
  explicit VendorSites(unsigned bits) : bits_(bits) {}

  /// Add the code of each entry of a table that stands at `address` (include/linux/jump_label.h,
  /// include/linux/static_call_types.h).
  void add_jump_table(std::uint64_t address, ByteView table);
  void add_static_calls(std::uint64_t address, ByteView table);

  /// Whether `site` is one of them: by the tables, as far as they were added, and by what the vendor's code
  /// holds there. `fentry`: where calls of entries of traced functions go; nullopt: not known. A breakpoint
  /// may be anywhere.
  bool allow(const PatchSite& site, ByteView vendor, std::optional<std::uint64_t> fentry) const;

 private:
  bool is_traced_entry(const PatchSite& site, ByteView vendor, std::optional<std::uint64_t> fentry) const;
  /// Each entry's first word counts from its own place.
  void add(std::unordered_set<std::uint64_t>& to, std::uint64_t address, ByteView table,
           std::size_t size) const;

  unsigned bits_;
  bool jumps_known_ = false, calls_known_ = false;
  std::unordered_set<std::uint64_t> jumps_, calls_;
};

}  // namespace ringside::guest::linux
