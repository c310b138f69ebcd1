// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/gate_names.h"

#include "policies/tables/support.h"

#include <algorithm>

namespace ringside::policies {

std::vector<Column> with_gate_names(std::vector<Column> columns) {
  columns.push_back({"linux_name", ColumnType::text, "what Linux uses the vector for: page_fault, int80, ...",
                     Stability::live});
  columns.push_back({"linux_handler", ColumnType::boolean,
                     "it enters where this Linux kernel's gate for it does; NULL where that is not known",
                     Stability::live});
  return columns;
}

GateNames::GateNames(guest::Snapshot& snapshot, const TableRequest& request, std::size_t first,
                     RowSink& sink) {
  if (!request.uses(first) && !request.uses(first + 1)) return;
  const auto kernel = guest::linux::Kernel::of(snapshot);
  if (kernel)
    points_.emplace(**kernel);
  else
    sink.incomplete(kernel.error());
}

void GateNames::add(std::vector<Value>& row, unsigned vector, std::optional<std::uint64_t> handler) const {
  if (!points_ || vector > 255) {
    row.insert(row.end(), kGateNames, null_cell());
    return;
  }
  const auto& point = points_->of(vector);
  row.push_back(cell(point.name));
  const auto& handlers = point.handlers;
  row.push_back(handler && !handlers.empty() ? cell(std::find(handlers.begin(), handlers.end(),
                                                              guest::Gva{*handler}) != handlers.end())
                                             : null_cell());
}

}  // namespace ringside::policies
