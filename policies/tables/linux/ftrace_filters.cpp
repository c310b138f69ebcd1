// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/ftrace_ops.h"
#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t { kOps, kExcluded, kFunction, kNames };

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::ftrace_filters(*kernel));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries) {
    if (!request.wants("ops", static_cast<std::int64_t>(one.ops.value))) continue;
    if (!add_named(sink, names, {pointer_cell(one.ops), boolean_cell(one.excluded)}, one.function)) break;
  }
  return {};
}

}  // namespace

Table ftrace_filters_table() {
  return {.name = "ftrace_filters",
          .doc = "Linux: the functions that each ftrace_ops is asked for; an ops without rows takes all.",
          .columns = with_address_names({{"ops", ColumnType::address, "the struct ftrace_ops"},
                                         {"excluded", ColumnType::boolean, "the function is to be left out"},
                                         {"function", ColumnType::address,
                                          "where it is traced: its start, or 4 bytes on behind an endbr64"}}),
          .pushdown = {"ops"},
          .identity = {"ops", "excluded", "function"},
          .example = "SELECT o.user, f.symbol FROM ftrace_ops AS o JOIN ftrace_filters AS f USING (ops)",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
