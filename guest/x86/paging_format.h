// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/x86/page_tables.h"

#include <cstdint>
#include <string_view>

namespace ringside::guest::x86 {

/// The shape of the tables of one paging mode (SDM vol. 3A, sections 4.3 to 4.5). Level 1 is the page table.
struct PagingFormat {
  unsigned top_level = 0;   ///< 2 to 5
  unsigned entry_size = 8;  ///< bytes
  unsigned index_bits = 9;  ///< of the GVA, a level

  static PagingFormat of(PagingMode mode);
  unsigned shift(unsigned level) const { return 12 + index_bits * (level - 1); }
  std::uint64_t entry_span(unsigned level) const { return std::uint64_t{1} << shift(level); }
};
/// Entries in a table of `level`: 1024 in 2-level paging, 4 in PAE's page-directory-pointer table, else 512.
unsigned entry_count(PagingMode mode, unsigned level);
/// "PML5E", "PML4E", "PDPTE", "PDE", "PTE".
std::string_view entry_name(unsigned level);

/// A paging-structure entry, taken apart by the rules of its mode and level.
struct DecodedEntry {
  enum class Kind {
    absent,    ///< P is clear
    reserved,  ///< P is set, and so is a reserved bit: the CPU faults on it (SDM vol. 3A, section 4.7, RSVD)
    table,     ///< leads to a table of the next level
    page,      ///< maps a page
  };
  Kind kind = Kind::absent;
  Gpa address;                  ///< of the table or page
  std::uint64_t page_size = 0;  ///< of a page
  Permissions permissions;      ///< what this level allows
};
DecodedEntry decode_entry(const PagingRoot& root, unsigned level, std::uint64_t entry);

inline Permissions operator&(Permissions a, Permissions b) {
  return {a.writable && b.writable, a.user && b.user, a.executable && b.executable};
}
inline constexpr Permissions kAllPermissions{true, true, true};

namespace pte {
inline constexpr std::uint64_t kPresent = 1u << 0, kWritable = 1u << 1, kUser = 1u << 2, kAccessed = 1u << 5,
                               kDirty = 1u << 6, kLarge = 1u << 7, kGlobal = 1u << 8,
                               kNoExecute = std::uint64_t{1} << 63, kAddress = 0x000ffffffffff000;
}

}  // namespace ringside::guest::x86
