// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/rodata_changes.h"

#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/golden_tables.h"
#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

/// Adds a row for each change; `section`: with the column of that name.
linux::RodataVisit row_of(AddressNames& names, RowSink& sink, bool section) {
  return [&names, &sink, section](const linux::RodataChange& change) {
    std::vector<Value> row{cell(change.first.value), cell(change.actual.size()),
                           cell(to_hex(change.expected)), cell(to_hex(change.actual))};
    if (section) row.push_back(cell(change.section));
    names.add(row, change.first.value);
    return sink.row(std::move(row));
  };
}

Result<void> fill_kernel(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  AddressNames names(snapshot, request, 4, sink);
  RINGSIDE_TRY(const auto problems, linux::kernel_rodata_changes(*kernel, row_of(names, sink, false)));
  for (const Error& problem : problems) sink.incomplete(problem);
  return {};
}

Result<void> fill_modules(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  AddressNames names(snapshot, request, 5, sink);
  for (const Error& problem : linux::module_rodata_changes(*kernel, row_of(names, sink, true)))
    sink.incomplete(problem);
  return {};
}

std::vector<Column> columns(bool section) {
  std::vector<Column> all{
      {"gva", ColumnType::address, "of the first changed byte", Stability::kept},
      {"size", ColumnType::integer, "bytes, at most 64: a longer run goes on in the next row"},
      {"expected", ColumnType::bytes, "what the vendor shipped"},
      {"actual", ColumnType::bytes, "what is there"}};
  if (section) all.push_back({"section", ColumnType::text, "section of the module's file"});
  return with_address_names(std::move(all));
}

}  // namespace

Table kernel_rodata_changes_table() {
  return {.name = "kernel_rodata_changes",
          .doc =
              "Read-only data of the kernel image that is not as its vendor shipped it. Needs the vendor's "
              "kernel (ringside golden import); what is written while the kernel boots is left out.",
          .columns = columns(false),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT symbol, gva, expected, actual FROM kernel_rodata_changes",
          .in_baseline = false,
          .baseline_where = {},
          .bulk = true,
          .fill = fill_kernel};
}

Table module_rodata_changes_table() {
  return {.name = "module_rodata_changes",
          .doc =
              "Read-only data of modules that is not as their vendor shipped it. Needs the vendor's modules "
              "(ringside golden import); what the loader sorts or writes is left out.",
          .columns = columns(true),
          .pushdown = {},
          .identity = {"gva"},
          .example = "SELECT module, section, gva, expected, actual FROM module_rodata_changes",
          .in_baseline = false,
          .baseline_where = {},
          .bulk = true,
          .fill = fill_modules};
}

}  // namespace ringside::policies
