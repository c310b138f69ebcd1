// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <span>

namespace ringside::guest::linux {

/// A run of pages of a file that is in memory as one piece (one page, or a folio).
struct CachedPage {
  std::uint64_t index = 0;  ///< offset in the file, in pages of 4 KiB
  std::uint64_t count = 1;  ///< pages, contiguous in the file and in memory
  Gpa gpa;                  ///< of the first
  Gva page;                 ///< struct page of the first
  bool up_to_date = false;  ///< the content is valid
  bool dirty = false;       ///< newer than what is on disk
};

/// Most pages that are listed of one file: 64 GiB.
inline constexpr std::uint64_t kMaxCachedPages = 1u << 24;

/// The pages of a file (struct inode) that are in memory, in order of index: inode.i_mapping->i_pages. Pages
/// of shared memory that are swapped out do not appear.
Result<Listing<CachedPage>> page_cache(Kernel& kernel, Gva inode, std::uint64_t max = kMaxCachedPages);

/// What one index of a file's page cache holds.
struct CacheLookup {
  enum class State : std::uint8_t { absent, present, swapped } state = State::absent;
  CachedPage page;                               ///< `present`: that one page
  std::uint64_t swap_area = 0, swap_offset = 0;  ///< `swapped`: number of the swap area, page in it
};
Result<CacheLookup> find_cached_page(Kernel& kernel, Gva inode, std::uint64_t index);

/// Bytes of a file at `offset` from memory alone; `unavailable` names the first page that is not in memory.
/// Does not look at the file's size.
Result<void> read_cached(Kernel& kernel, Gva inode, std::uint64_t offset, std::span<std::byte> into);

/// The guest-physical address of the page that a struct page stands for: (page - vmemmap_base) /
/// sizeof(struct page) pages (arch/x86/include/asm/page_64_types.h, include/asm-generic/memory_model.h), on
/// 32-bit kernels through mem_map.
Result<Gpa> page_address(Kernel& kernel, Gva page);

}  // namespace ringside::guest::linux
