// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// What must not be in the kernel's page tables.
enum class PageTableFaultKind : std::uint8_t {
  user_page,            ///< an entry of the kernel half lets user mode in
  writable_executable,  ///< a page is both
  writable_code,        ///< frames that hold code are writable by some mapping
  writable_rodata,      ///< the same of read-only data
  writable_idt,         ///< the same of the interrupt descriptor table
  image_moved,          ///< an address of the kernel image leads to another frame than it should
  area_moved,           ///< the same of executable memory of vmalloc
  mm_differs,           ///< an address space has a kernel half of its own
  user_half             ///< the kernel's own page tables map user addresses
};
inline constexpr std::size_t kPageTableFaultKinds = 9;
std::string_view to_string(PageTableFaultKind kind);

struct PageTableFault {
  PageTableFaultKind kind{};
  Gva gva;                             ///< first address
  std::uint64_t size = 0;              ///< bytes; 0: no range
  std::optional<Gpa> gpa;              ///< where it leads
  std::optional<std::uint64_t> entry;  ///< the page-table entry that says so
  std::string what;                    ///< in words
};

/// Most faults that are told of each kind.
inline constexpr std::size_t kMaxFaultsOfAKind = 1024;

/// Looks for faults of one kind in the kernel half of init_top_pgt, or (mm_differs) in all page tables.
/// Problems: what could not be read. Errors: nothing can be said, as require_booted(), KernelMappings::of(),
/// or `unsupported` for what this paging mode does not have.
Result<Listing<PageTableFault>> page_table_faults(Kernel& kernel, PageTableFaultKind kind);

}  // namespace ringside::guest::linux
