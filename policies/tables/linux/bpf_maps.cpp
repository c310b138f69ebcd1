// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/bpf_maps.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

constexpr std::size_t kNames = 10;  // the column behind `operations`

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::bpf_maps(*kernel));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries)
    if (!add_named(sink, names,
                   {cell(one.address.value), cell(one.id), cell(one.type), text_cell(one.name),
                    cell_or_null(one.key_size), cell_or_null(one.value_size), cell_or_null(one.max_entries),
                    cell_or_null(one.flags), boolean_cell(one.frozen)},
                   one.operations))
      break;
  return {};
}

}  // namespace

Table bpf_maps_table() {
  return {
      .name = "bpf_maps",
      .doc = "Linux: maps of BPF.",
      .columns = with_address_names({{"map", ColumnType::address, "the struct bpf_map", Stability::kept},
                                     {"id", ColumnType::integer, "as bpftool map shows it"},
                                     {"type", ColumnType::text, "hash, array, ringbuf, ..."},
                                     {"name", ColumnType::text, "that its maker gave it"},
                                     {"key_size", ColumnType::integer, "bytes"},
                                     {"value_size", ColumnType::integer, "bytes"},
                                     {"max_entries", ColumnType::integer, "most entries"},
                                     {"flags", ColumnType::integer, "BPF_F_*"},
                                     {"frozen", ColumnType::boolean, "user programs can no longer change it"},
                                     {"operations", ColumnType::address,
                                      "its table of operations (struct bpf_map_ops)", Stability::kept}}),
      .pushdown = {},
      .identity = {"map"},
      .example = "SELECT id, type, name, max_entries FROM bpf_maps",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
