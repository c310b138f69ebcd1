// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/tracepoints.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t {
  kName,
  kOwner,
  kTracepoint,
  kEnabled,
  kProbes,
  kCallKey,
  kSlot,
  kIndex,
  kPriority,
  kData,
  kFunction,
  kNames
};

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::tracepoints(*kernel, {request.uses(kName), true}));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& point : all.entries) {
    if (request.uses(kName) && !request.wants("name", point.name)) continue;
    for (const auto& one : point.pointers) {
      if (!request.wants("slot", one.slot)) continue;
      const bool probe = one.slot == "probe";
      if (!add_named(sink, names,
                     {request.uses(kName) ? cell(point.name) : null_cell(), text_cell(point.module),
                      cell(point.address.value), boolean_cell(point.enabled > 0), cell(point.probes),
                      pointer_cell(point.call_key), cell(one.slot), probe ? cell(one.index) : null_cell(),
                      one.priority ? signed_cell(*one.priority) : null_cell(),
                      probe ? cell(one.data.value) : null_cell()},
                     one.function))
        return {};
    }
  }
  return {};
}

}  // namespace

Table tracepoints_table() {
  return {
      .name = "tracepoints",
      .doc = "Linux: the functions of each tracepoint: the probes that it calls, and what it is made of.",
      .columns = with_address_names(
          {{"name", ColumnType::text, "sched_switch"},
           {"owner", ColumnType::text, "the module that brought the tracepoint; NULL: the kernel image"},
           {"tracepoint", ColumnType::address, "the struct tracepoint", Stability::kept},
           {"enabled", ColumnType::boolean, "the code that calls probes is on", Stability::kept},
           {"probes", ColumnType::integer, "how many probes it has", Stability::kept},
           {"call_key", ColumnType::address, "its struct static_call_key", Stability::kept},
           {"slot", ColumnType::text,
            "probe; iterator, which calls several probes; probestub; regfunc and unregfunc, which are called "
            "before the first and after the last probe"},
           {"position", ColumnType::integer, "of a probe among those of its tracepoint, from 0",
            Stability::kept},
           {"priority", ColumnType::integer, "of a probe", Stability::kept},
           {"data", ColumnType::address, "what a probe is given", Stability::kept},
           {"function", ColumnType::address, "what is called", Stability::kept}}),
      .pushdown = {"name", "slot"},
      .identity = {"tracepoint", "slot", "position"},
      .example = "SELECT name, symbol FROM tracepoints WHERE slot = 'probe'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
