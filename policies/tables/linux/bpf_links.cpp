// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/bpf_links.h"

#include "policies/tables/linux/trace_cells.h"
#include "policies/tables/linux/trace_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

constexpr std::size_t kNames = 7;  // the column behind `operations`

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::bpf_links(*kernel));
  report_problems(all, sink);
  AddressNames names(snapshot, request, kNames, sink);
  for (const auto& one : all.entries)
    if (!add_named(sink, names,
                   {cell(one.address.value), cell(one.id), cell(one.type), pointer_cell(one.program),
                    cell_or_null(one.program_id), text_cell(one.target)},
                   one.operations))
      break;
  return {};
}

}  // namespace

Table bpf_links_table() {
  return {
      .name = "bpf_links",
      .doc = "Linux: what holds programs of BPF where they are attached.",
      .columns = with_address_names(
          {{"link", ColumnType::address, "the struct bpf_link", Stability::kept},
           {"id", ColumnType::integer, "as bpftool link shows it; 0: it is being made"},
           {"type", ColumnType::text, "raw_tracepoint, tracing, xdp, perf_event, ..."},
           {"program", ColumnType::address, "the struct bpf_prog; NULL: it is being let go", Stability::kept},
           {"program_id", ColumnType::integer, "its id"},
           {"target", ColumnType::text,
            "the tracepoint of a raw_tracepoint link, the function of a tracing link; NULL for others"},
           {"operations", ColumnType::address, "its table of operations (struct bpf_link_ops)",
            Stability::kept}}),
      .pushdown = {},
      .identity = {"link"},
      .example = "SELECT l.type, l.target, p.name FROM bpf_links AS l JOIN bpf_programs AS p USING (program)",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
