// SPDX-License-Identifier: Apache-2.0
#include "guest/address_space.h"

#include <algorithm>
#include <limits>

namespace ringside::guest {

AddressSpace::AddressSpace(Snapshot& snapshot, x86::PagingRoot root)
    : snapshot_(snapshot), tables_(snapshot, root), recordings_(snapshot.recordings()) {}

Result<Gpa> AddressSpace::translate(Gva gva) {
  // The entries behind a cached translation were noted in the read set of their time; a later one must note
  // them too.
  if (recordings_ != snapshot_.recordings()) {
    pages_.clear();
    recordings_ = snapshot_.recordings();
  }
  const Gva page = page_of(gva);
  if (const auto known = pages_.find(page.value); known != pages_.end())
    return Gpa{known->second} + (gva - page);
  auto found = tables_.translate(gva);
  if (!found) return fail(std::move(found.error().error));
  pages_.emplace(page.value, page_of(found->gpa).value);
  return found->gpa;
}

Result<void> AddressSpace::read(Gva gva, std::span<std::byte> into) {
  if (!into.empty() && into.size() - 1 > std::numeric_limits<std::uint64_t>::max() - gva.value)
    return fail(Errc::non_canonical, "a read of " + std::to_string(into.size()) +
                                         " bytes at guest-virtual address " + to_string(gva) +
                                         " runs past the top of the address space");
  while (!into.empty()) {
    RINGSIDE_TRY(const Gpa gpa, translate(gva));
    const std::size_t here = std::min<std::uint64_t>(into.size(), kPageSize - (gva - page_of(gva)));
    if (auto done = snapshot_.read(gpa, into.first(here)); !done)
      return fail(done.error().within("guest-virtual address " + to_string(gva)));
    into = into.subspan(here);
    gva = gva + here;
  }
  return {};
}

}  // namespace ringside::guest
