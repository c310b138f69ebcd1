// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/snapshot.h"
#include "guest/x86/page_tables.h"

#include <cstdint>
#include <span>
#include <unordered_map>

namespace ringside::guest {

/// Guest-virtual memory: a snapshot seen through one page-table root. Caches translations of pages; forgets
/// them when the snapshot is told to record into another read set, so that each read set holds the entries it
/// depends on.
class AddressSpace {
 public:
  AddressSpace(Snapshot& snapshot, x86::PagingRoot root);

  /// All of `into`, or an error that names the first GVA that could not be read. Wraps at the top of the
  /// address space are errors (`non_canonical`).
  Result<void> read(Gva gva, std::span<std::byte> into);
  template <class T>
  Result<T> read(Gva gva) {
    T value{};
    RINGSIDE_CHECK(read(gva, std::as_writable_bytes(std::span(&value, 1))));
    return value;
  }
  /// The GPA behind `gva`. With paging off they are equal.
  Result<Gpa> translate(Gva gva);
  Snapshot& snapshot() { return snapshot_; }
  const x86::PageTables& tables() const { return tables_; }

 private:
  Snapshot& snapshot_;
  x86::PageTables tables_;
  std::unordered_map<std::uint64_t, std::uint64_t> pages_;  ///< GVA page -> GPA page
  std::uint64_t recordings_;                                ///< Snapshot::recordings() when pages_ was begun
};

}  // namespace ringside::guest
