// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/text_references.h"

#include "policies/tables/linux/support.h"
#include "policies/tables/linux/text_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  const auto& text = linux::KernelText::of(*kernel);
  const auto references = linux::TextReferences::of(*kernel);
  for (const auto& one : references.coverage()) {
    const auto& region = text.regions()[one.region];
    if (!sink.row({cell(one.range.first.value), cell(one.range.size()), cell(region.module),
                   one.reference ? cell(one.reference->source()) : null_cell()}))
      break;
  }
  for (const Error& problem : text.problems()) sink.incomplete(problem);
  return {};
}

}  // namespace

Table text_references_table() {
  return {
      .name = "text_references",
      .doc =
          "Linux: what the code of the kernel and of each module is compared with, beside its patch sites.",
      .columns = {{"first", ColumnType::address, "first address", Stability::kept},
                  {"size", ColumnType::integer, "bytes"},
                  {"owner", ColumnType::text, "module; empty: the kernel image"},
                  {"source", ColumnType::text,
                   "golden (the vendor's kernel), first-seen (the baseline); NULL: patch sites only"}},
      .pushdown = {},
      .identity = {"first"},
      .example = "SELECT owner, size, source FROM text_references",
      .in_baseline = false,
      .baseline_where = {},
      .bulk = true,
      .fill = fill};
}

}  // namespace ringside::policies
