// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/snapshot.h"
#include "guest/x86/page_tables.h"
#include "tests/unit/support/fake_memory.h"

#include <cstdint>
#include <map>
#include <utility>

namespace ringside::guest::x86 {

/// Flags of an entry, by the SDM's names.
inline constexpr std::uint64_t kP = 1, kRw = 2, kUs = 4, kA = 0x20, kD = 0x40, kPs = 0x80, kG = 0x100,
                               kXd = std::uint64_t{1} << 63;

/// Builds page tables in a FakeMemory. Upper entries come with all rights unless they are set by hand.
class TableBuilder {
 public:
  TableBuilder(testing::FakeMemory& memory, PagingMode mode) : memory_(memory) {
    root_.mode = mode;
    root_.nxe = true;
    root_.pse = true;
    root_.table = new_table();
  }

  PagingRoot& root() { return root_; }
  Gpa new_table() { return std::exchange(next_, next_ + kPageSize); }

  /// Sets the entry of `gva` in its table of `level` (1: page table), making the tables above it.
  void set(std::uint64_t gva, unsigned level, std::uint64_t entry) {
    Gpa table = root_.table;
    for (unsigned at = top(); at > level; --at) table = child(table, at, gva);
    put(entry_gpa(table, level, gva), entry);
  }
  /// The table of `level` that translates `gva`.
  Gpa table(std::uint64_t gva, unsigned level) {
    Gpa table = root_.table;
    for (unsigned at = top(); at > level; --at) table = child(table, at, gva);
    return table;
  }
  void put(Gpa gpa, std::uint64_t entry) {
    if (narrow())
      memory_.put(gpa, static_cast<std::uint32_t>(entry));
    else
      memory_.put(gpa, entry);
  }

 private:
  bool narrow() const { return root_.mode == PagingMode::two_level; }
  unsigned top() const {
    switch (root_.mode) {
      case PagingMode::two_level:
        return 2;
      case PagingMode::pae:
        return 3;
      case PagingMode::four_level:
        return 4;
      default:
        return 5;
    }
  }
  Gpa entry_gpa(Gpa table, unsigned level, std::uint64_t gva) const {
    const unsigned bits = narrow() ? 10 : 9;
    return table + ((gva >> (12 + bits * (level - 1))) & ((1u << bits) - 1)) * (narrow() ? 4 : 8);
  }
  Gpa child(Gpa table, unsigned level, std::uint64_t gva) {
    const Gpa where = entry_gpa(table, level, gva);
    const auto [known, is_new] = children_.try_emplace(where.value);
    if (is_new) {
      known->second = new_table();
      const bool pdpte = root_.mode == PagingMode::pae && level == 3;
      put(where, known->second.value | (pdpte ? kP : kP | kRw | kUs));
    }
    return known->second;
  }

  testing::FakeMemory& memory_;
  PagingRoot root_;
  Gpa next_{0x100000};
  std::map<std::uint64_t, Gpa> children_;
};

}  // namespace ringside::guest::x86
