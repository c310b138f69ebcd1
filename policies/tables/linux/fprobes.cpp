// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/fprobes.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t { kProbe, kFlags, kSlot, kFunction, kNames };

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::fprobe_handlers(*kernel));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries)
    if (!add_named(sink, names, {cell(one.probe.value), cell(one.flags), cell(one.slot)}, one.function))
      break;
  return {};
}

}  // namespace

Table fprobes_table() {
  return {.name = "fprobes",
          .doc = "Linux: the handlers of probes on the entry and exit of many functions (fprobe).",
          .columns =
              with_address_names({{"probe", ColumnType::address, "the struct fprobe", Stability::kept},
                                  {"flags", ColumnType::integer, "FPROBE_FL_*", Stability::kept},
                                  {"slot", ColumnType::text, "entry_handler, exit_handler, rethook.handler"},
                                  {"function", ColumnType::address, "what is called", Stability::kept}}),
          .pushdown = {},
          .identity = {"probe", "slot"},
          .example = "SELECT probe, slot, symbol FROM fprobes",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
