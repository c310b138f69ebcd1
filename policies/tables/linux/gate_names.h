// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/entry_points.h"
#include "policies/tables/table.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace ringside::policies {

/// The columns `linux_name` and `linux_handler` of a gate: what Linux uses its vector for, and whether it
/// enters where Linux's does. Like AddressNames: no part of a baseline, NULL without a Linux kernel, of which
/// a query that looks at them is told.
std::vector<Column> with_gate_names(std::vector<Column> columns);
inline constexpr std::size_t kGateNames = 2;

/// Fills them.
class GateNames {
 public:
  /// `first`: the number of column `linux_name` in the table.
  GateNames(guest::Snapshot& snapshot, const TableRequest& request, std::size_t first, RowSink& sink);

  /// Adds both cells to `row`. `handler`: nullopt for a gate that has none.
  void add(std::vector<Value>& row, unsigned vector, std::optional<std::uint64_t> handler) const;

 private:
  std::optional<guest::linux::EntryPoints> points_;
};

}  // namespace ringside::policies
