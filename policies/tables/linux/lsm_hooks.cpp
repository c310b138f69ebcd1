// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/lsm_hooks.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t { kHook, kPosition, kLsm, kEntry, kCalled, kEnabled, kConsistent, kFunction, kNames };

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::lsm_hooks(*kernel));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries)
    if (!add_named(sink, names,
                   {cell(one.hook), cell(one.index), text_cell(one.lsm), pointer_cell(one.entry),
                    pointer_cell(one.called), boolean_cell(one.enabled), boolean_cell(one.consistent())},
                   one.function))
      break;
  return {};
}

}  // namespace

Table lsm_hooks_table() {
  return {
      .name = "lsm_hooks",
      .doc = "Linux: the functions by which security modules take part in the kernel's decisions.",
      .columns = with_address_names(
          {{"hook", ColumnType::text, "inode_permission"},
           {"position", ColumnType::integer, "its place among those of the hook, from 0"},
           {"lsm", ColumnType::text, "capability, apparmor, bpf; NULL: not told"},
           {"entry", ColumnType::address,
            "the struct security_hook_list; NULL: none stands in this place, and yet it is on",
            Stability::kept},
           {"called", ColumnType::address,
            "what the place's static call calls; NULL: nothing, or this kernel goes by lists",
            Stability::kept},
           {"enabled", ColumnType::boolean, "the code that calls it is on; NULL: this kernel goes by lists"},
           {"consistent", ColumnType::boolean,
            "entry and static call agree; NULL: this kernel goes by lists"},
           {"function", ColumnType::address, "what the entry says to call", Stability::kept}}),
      .pushdown = {},
      .identity = {"hook", "position"},
      .example = "SELECT lsm, count(*) FROM lsm_hooks GROUP BY lsm",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
