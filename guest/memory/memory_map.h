// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::memory {

/// One piece of guest-physical address space that memory stands behind.
struct MemoryRange {
  enum class Kind { ram, rom };
  Gpa start;
  std::uint64_t size = 0;  ///< bytes, never 0
  Kind kind = Kind::ram;
  std::string block;               ///< QEMU's memory region name ("pc.ram", "pc.bios")
  std::uint64_t block_offset = 0;  ///< of `start` in that region
  Hva hva;                         ///< of `start` in QEMU; 0 where unknown
  Gpa end() const { return start + size; }
  bool operator==(const MemoryRange&) const = default;
};

/// Which guest-physical addresses are RAM or ROM: sorted, without overlap. Everything else is a hole or MMIO,
/// and is never read.
class MemoryMap {
 public:
  MemoryMap() = default;
  /// Sorts; `malformed` if ranges overlap, are empty or wrap.
  static Result<MemoryMap> create(std::vector<MemoryRange> ranges);
  /// The range that holds `gpa`, or nullptr.
  const MemoryRange* find(Gpa gpa) const;
  const std::vector<MemoryRange>& ranges() const { return ranges_; }
  std::uint64_t ram_size() const;
  bool operator==(const MemoryMap&) const = default;

 private:
  std::vector<MemoryRange> ranges_;
};

/// The flat view of address space "memory" in the text of HMP `info mtree -f`
/// (QEMU softmmu/memory.c, mtree_print_flatview): its ram, rom and romd lines. HVAs stay unknown.
Result<MemoryMap> parse_flat_view(std::string_view info_mtree);

/// The answer to HMP `gpa2hva`: "Host virtual address for 0x... (pc.ram) is 0x7f...".
Result<Hva> parse_gpa2hva(std::string_view answer);

}  // namespace ringside::guest::memory
