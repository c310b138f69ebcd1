// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/ftrace_ops.h"
#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t { kSite, kSiteSymbol, kJump, kFunction, kNames };

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::ftrace_direct_calls(*kernel));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries)
    if (!add_named(sink, names,
                   {pointer_cell(one.site), symbol_cell(*kernel, one.site, request.uses(kSiteSymbol)),
                    boolean_cell(one.jump)},
                   one.function))
      break;
  return {};
}

}  // namespace

Table ftrace_direct_calls_table() {
  return {
      .name = "ftrace_direct_calls",
      .doc =
          "Linux: functions whose place of tracing calls another function directly; BPF's fentry, "
          "fexit and LSM programs are entered so.",
      .columns = with_address_names({{"site", ColumnType::address, "the place of tracing", Stability::kept},
                                     {"site_symbol", ColumnType::text, "what stands there", Stability::kept},
                                     {"jump", ColumnType::boolean, "it jumps there and does not call"},
                                     {"function", ColumnType::address, "what is called", Stability::kept}}),
      .pushdown = {},
      .identity = {"site"},
      .example = "SELECT site_symbol, symbol FROM ftrace_direct_calls",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
