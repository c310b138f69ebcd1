// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/address.h"
#include "guest/linux/linux_macro.h"
#include "guest/x86/page_tables.h"

#include <cstdint>

namespace ringside::guest::linux {

/// What Linux keeps in a page-table entry that is not present and not empty
/// (arch/x86/include/asm/pgtable_64.h, pgtable-3level.h, pgtable-2level.h, pgtable-invert.h).
struct AbsentEntry {
  enum class Kind : std::uint8_t {
    no_access,  ///< PROT_NONE or a NUMA hint: the page is in memory
    swap,       ///< a swap entry: type and offset; high types mean migration, poison and markers
  } kind = Kind::swap;
  Gpa gpa;                 ///< `no_access`: of the page
  std::uint64_t type = 0;  ///< `swap`: number of the swap area
  std::uint64_t offset = 0;
};

/// `level`: of the table that holds `entry`, 1 is the page table; `entry` has bit 0 clear and is not 0.
AbsentEntry decode_absent_entry(x86::PagingMode mode, unsigned level, std::uint64_t entry);

}  // namespace ringside::guest::linux
