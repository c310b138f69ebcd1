// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/linux_macro.h"
#include "guest/linux/symboliser.h"
#include "policies/tables/table.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace ringside::policies {

/// The columns `symbol`, `module` and `region` that say what stands at an address of another column. They are
/// no part of a baseline: addresses are, and names would make each baseline depend on the kernel's symbols.
///
/// Where no Linux kernel is found they are NULL. The rows are whole all the same: only a query that looks at
/// one of these columns is told that its answer is incomplete, so that a policy which relies on a name
/// becomes unknown and not clean, and every other one works as on any guest.
std::vector<Column> address_name_columns();
inline constexpr std::size_t kAddressNames = 3;

/// Appends those columns.
std::vector<Column> with_address_names(std::vector<Column> columns);

/// Finds the names of addresses.
class AddressNamer {
 public:
  /// `sink` is told what could not be read. Both must outlive this.
  AddressNamer(guest::Snapshot& snapshot, RowSink& sink) : snapshot_(snapshot), sink_(sink) {}

  /// What the nth of those columns holds for `address`; NULL: it has none.
  Value name(std::size_t column, std::uint64_t address);

 private:
  guest::linux::Symboliser* symboliser();
  void report_problems();

  guest::Snapshot& snapshot_;
  RowSink& sink_;
  bool asked_ = false;
  guest::linux::Symboliser* symboliser_ = nullptr;
  std::size_t reported_ = 0;
};

/// Fills them, or leaves that to the sink (RowSink::names_late).
class AddressNames {
 public:
  /// `first`: the number of column `symbol` in the table.
  AddressNames(guest::Snapshot& snapshot, const TableRequest& request, std::size_t first, RowSink& sink);

  /// Adds the three cells to `row`: those of `address`, or NULLs without one.
  void add(std::vector<Value>& row, std::optional<std::uint64_t> address);

 private:
  AddressNamer namer_;
  std::array<bool, kAddressNames> wanted_{};
  bool late_;
};

}  // namespace ringside::policies
