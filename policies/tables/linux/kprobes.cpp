// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/kprobes.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t {
  kProbe,
  kManager,
  kAddress,
  kAddressSymbol,
  kFlags,
  kFlagNames,
  kSlot,
  kFunction,
  kNames
};

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::kprobe_handlers(*kernel));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries)
    if (!add_named(sink, names,
                   {cell(one.probe.value), pointer_cell(one.manager), pointer_cell(one.address),
                    symbol_cell(*kernel, one.address, request.uses(kAddressSymbol)), cell(one.flags),
                    cell(linux::kprobe_flag_names(one.flags)), cell(one.slot)},
                   one.function))
      break;
  return {};
}

}  // namespace

Table kprobes_table() {
  return {.name = "kprobes",
          .doc = "Linux: the handlers of probes in the kernel's code, kretprobes included.",
          .columns = with_address_names(
              {{"probe", ColumnType::address, "the struct kprobe", Stability::kept},
               {"manager", ColumnType::address,
                "the kprobe that stands for all at this address, where there are several; NULL: it is one "
                "itself, or alone",
                Stability::kept},
               {"address", ColumnType::address, "what is probed", Stability::kept},
               {"address_symbol", ColumnType::text, "what stands there", Stability::kept},
               {"flags", ColumnType::integer, "KPROBE_FLAG_*", Stability::kept},
               {"flag_names", ColumnType::text, "DISABLED|OPTIMIZED|FTRACE|ON_FUNC_ENTRY", Stability::kept},
               {"slot", ColumnType::text,
                "pre_handler, post_handler, fault_handler; of a kretprobe handler, entry_handler, "
                "rethook.handler"},
               {"function", ColumnType::address, "what is called", Stability::kept}}),
          .pushdown = {},
          .identity = {"probe", "slot"},
          .example = "SELECT address_symbol, slot, symbol FROM kprobes",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
