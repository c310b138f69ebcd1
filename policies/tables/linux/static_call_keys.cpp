// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/static_call_keys.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t { kKey, kName, kSites, kFunction, kNames };

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::static_call_keys(*kernel));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries)
    if (!add_named(sink, names,
                   {cell(one.address.value), symbol_cell(*kernel, one.address, request.uses(kName)),
                    cell(one.sites)},
                   one.function))
      break;
  return {};
}

}  // namespace

Table static_call_keys_table() {
  return {.name = "static_call_keys",
          .doc = "Linux: what each static call calls.",
          .columns = with_address_names(
              {{"key", ColumnType::address, "the struct static_call_key", Stability::kept},
               {"name", ColumnType::text, "__SCK__tp_func_sched_switch, __SCK__kvm_x86_run [kvm]"},
               {"sites", ColumnType::integer, "how many places call by it", Stability::kept},
               {"function", ColumnType::address, "what they call; NULL: nothing", Stability::kept}}),
          .pushdown = {},
          .identity = {"key"},
          .example = "SELECT name, symbol FROM static_call_keys WHERE NOT in_text(function)",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
