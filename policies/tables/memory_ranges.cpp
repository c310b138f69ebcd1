// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/support.h"

namespace ringside::policies {

namespace {

Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  for (const auto& range : snapshot.map().ranges())
    if (!sink.row({cell(range.start.value), cell(range.size),
                   cell(range.kind == guest::memory::MemoryRange::Kind::ram ? "ram" : "rom"),
                   cell(range.block), cell(range.block_offset),
                   range.hva.value == 0 ? null_cell() : cell(range.hva.value)}))
      break;
  return {};
}

}  // namespace

Table memory_ranges_table() {
  return {.name = "memory_ranges",
          .doc =
              "Guest-physical address space: which addresses are RAM or ROM. All else is device memory or a "
              "hole.",
          .columns = {{"gpa", ColumnType::address, "first address"},
                      {"size", ColumnType::integer, "bytes"},
                      {"kind", ColumnType::text, "ram or rom"},
                      {"block", ColumnType::text, "QEMU's name of the memory region"},
                      {"block_offset", ColumnType::address, "where in that region the range starts"},
                      {"hva", ColumnType::address, "where it starts in the QEMU process; NULL if not known",
                       Stability::live}},
          .pushdown = {},
          .identity = {"gpa"},
          .example = "SELECT gpa, size, block FROM memory_ranges WHERE kind = 'ram'",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
