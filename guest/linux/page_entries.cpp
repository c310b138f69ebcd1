// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/page_entries.h"

#include "guest/x86/paging_format.h"

namespace ringside::guest::linux {

namespace {

// _PAGE_PROTNONE is the bit that the CPU calls G, which means nothing in an entry that is not present
// (arch/x86/include/asm/pgtable_types.h). A swap entry always has it clear.
constexpr std::uint64_t kProtNone = x86::pte::kGlobal;

}  // namespace

AbsentEntry decode_absent_entry(x86::PagingMode mode, unsigned level, std::uint64_t entry) {
  const bool wide = mode != x86::PagingMode::two_level;
  AbsentEntry found;
  if ((entry & kProtNone) != 0) {
    found.kind = AbsentEntry::Kind::no_access;
    // Frame numbers of such entries are kept inverted, against L1TF; 32-bit entries have no room for it.
    const std::uint64_t address = (wide ? ~entry : entry) & (wide ? x86::pte::kAddress : 0xfffff000);
    const std::uint64_t size = x86::PagingFormat::of(mode).entry_span(level);
    found.gpa = Gpa{address & ~(size - 1)};
    return found;
  }
  if (wide) {
    found.type = entry >> 59;            // SWP_TYPE_BITS: 5
    found.offset = (~entry << 5) >> 14;  // SWP_OFFSET_SHIFT: bits 9 to 58, inverted
  } else {
    found.type = (entry >> 1) & 0x1f;
    found.offset = entry >> 9;
  }
  return found;
}

}  // namespace ringside::guest::linux
