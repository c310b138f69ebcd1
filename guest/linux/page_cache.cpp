// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/page_cache.h"

#include "guest/linux/file_reader.h"
#include "guest/linux/page_frames.h"
#include "guest/linux/walkers.h"
#include "guest/linux/xarray_lookup.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

bool is_value(Gva entry) {
  return (entry.value & 1) != 0;
}

/// i_mapping of the inode.
Result<Gva> mapping_of(Kernel& kernel, Gva inode) {
  RINGSIDE_TRY(const InodeFacts facts, FileReader::of(kernel).inode(inode));
  if (!facts.mapping) {
    RINGSIDE_CHECK(kernel.field("inode", "i_mapping"));
  }
  if (!facts.mapping || *facts.mapping == Gva{0})
    return fail(Errc::malformed, "inode at " + to_string(inode) + " has no mapping");
  return *facts.mapping;
}

bool holds(const CachedPage& folio, std::uint64_t index) {
  return index >= folio.index && index - folio.index < folio.count;
}

tl::unexpected<Error> wrong_place(Gva page, std::uint64_t index, const CachedPage& folio) {
  return fail(Errc::mismatch, "page structure at " + to_string(page) + " stands at page " +
                                  std::to_string(index) + " of the file and says it is page " +
                                  std::to_string(folio.index));
}

}  // namespace

Result<Listing<CachedPage>> page_cache(Kernel& kernel, Gva inode, std::uint64_t max) {
  Listing<CachedPage> listing;
  RINGSIDE_TRY(const Field pages, kernel.field("address_space", "i_pages"));
  RINGSIDE_TRY(const Gva mapping, mapping_of(kernel, inode));
  const PageFrames& frames = PageFrames::of(kernel);
  std::uint64_t covered = 0;  // pages below were listed
  // Value entries are shadows of evicted pages, or swap entries: they count towards the bound too.
  const auto walked = walk_xarray(kernel, mapping + pages.offset, max, [&](std::uint64_t index, Gva entry) {
    // Before 5.17 each page of a huge page of shared memory has an entry, all of the same head.
    if (is_value(entry) || index < covered) return true;
    auto folio = frames.folio(entry);
    if (folio && !holds(*folio, index)) folio = wrong_place(entry, index, *folio);
    if (!folio) {
      listing.problem(std::move(folio).error());
      return true;
    }
    listing.entries.push_back(frames.part(*folio, index));
    covered = index + listing.entries.back().count;
    return true;
  });
  if (!walked) listing.problem(walked.error().within("the page cache"));
  return listing;
}

Result<CacheLookup> find_cached_page(Kernel& kernel, Gva inode, std::uint64_t index) {
  RINGSIDE_TRY(const Field pages, kernel.field("address_space", "i_pages"));
  RINGSIDE_TRY(const Gva mapping, mapping_of(kernel, inode));
  RINGSIDE_TRY(const Gva entry, XarrayLookup(kernel).find(mapping + pages.offset, index));
  CacheLookup found;
  if (entry == Gva{0}) return found;
  if (is_value(entry)) {
    // Of shared memory it is a swap entry (mm/shmem.c), of other files the shadow of an evicted page
    // (mm/workingset.c).
    RINGSIDE_TRY(const Field operations, kernel.field("address_space", "a_ops"));
    RINGSIDE_TRY(const Gva table, kernel.read_pointer_field(mapping, operations));
    if (kernel.find_symbol("shmem_aops") != table) return found;
    found.state = CacheLookup::State::swapped;
    // swp_entry_t, include/linux/swapops.h: the area in the highest five bits that a value entry leaves.
    const unsigned shift = kernel.identity().bits - 1 - 5;
    found.swap_area = entry.value >> 1 >> shift;
    found.swap_offset = (entry.value >> 1) & ((std::uint64_t{1} << shift) - 1);
    return found;
  }
  const PageFrames& frames = PageFrames::of(kernel);
  RINGSIDE_TRY(const CachedPage folio, frames.folio(entry));
  if (!holds(folio, index)) return wrong_place(entry, index, folio);
  found.state = CacheLookup::State::present;
  found.page = frames.part(folio, index);
  found.page.count = 1;
  return found;
}

Result<void> read_cached(Kernel& kernel, Gva inode, std::uint64_t offset, std::span<std::byte> into) {
  while (!into.empty()) {
    const std::uint64_t index = offset / kPageSize, inside = offset % kPageSize;
    RINGSIDE_TRY(const CacheLookup found, find_cached_page(kernel, inode, index));
    if (found.state != CacheLookup::State::present || !found.page.up_to_date)
      return fail(Errc::unavailable,
                  "page " + std::to_string(index) + " of the file is " +
                      (found.state == CacheLookup::State::swapped   ? "swapped out"
                       : found.state == CacheLookup::State::present ? "not read from its disk yet"
                                                                    : "not in memory"));
    const std::size_t here = std::min<std::uint64_t>(into.size(), kPageSize - inside);
    RINGSIDE_CHECK(kernel.snapshot().read(found.page.gpa + inside, into.first(here)));
    into = into.subspan(here);
    offset += here;
  }
  return {};
}

}  // namespace ringside::guest::linux
