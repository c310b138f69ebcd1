// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/uprobes.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum : std::size_t { kProbe, kInode, kInodeNumber, kPath, kOffset, kConsumer, kSlot, kFunction, kNames };

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::uprobe_handlers(*kernel, request.uses(kPath)));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries)
    if (!add_named(sink, names,
                   {cell(one.probe.value), pointer_cell(one.inode), cell_or_null(one.inode_number),
                    cell_or_null(one.path), cell(one.offset), cell(one.consumer.value), cell(one.slot)},
                   one.function))
      break;
  return {};
}

}  // namespace

Table uprobes_table() {
  return {
      .name = "uprobes",
      .doc = "Linux: the handlers of probes in the code of programs.",
      .columns = with_address_names(
          {{"probe", ColumnType::address, "the struct uprobe", Stability::kept},
           {"inode", ColumnType::address, "struct inode of the program's file", Stability::kept},
           {"inode_number", ColumnType::integer, "of that file", Stability::kept},
           {"path", ColumnType::text, "of the file in its file system; NULL if none is in memory",
            Stability::kept},
           {"offset", ColumnType::integer, "in the file, bytes", Stability::kept},
           {"consumer", ColumnType::address, "the struct uprobe_consumer: who asked for it", Stability::kept},
           {"slot", ColumnType::text, "handler, ret_handler, filter"},
           {"function", ColumnType::address, "what is called", Stability::kept}}),
      .pushdown = {},
      .identity = {"probe", "consumer", "slot"},
      .example = "SELECT path, offset, symbol FROM uprobes WHERE slot = 'handler'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
