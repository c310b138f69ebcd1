// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/text/text_changes.h"

#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/code_listing.h"
#include "policies/tables/linux/support.h"
#include "policies/tables/linux/text_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

enum Columns : std::size_t { kExpectedCode = 7, kActualCode = 8, kNames = 9 };

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink, bool of_modules) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  AddressNames names(snapshot, request, kNames, sink);
  CodeListing listing(*kernel);
  const bool code = request.uses(kExpectedCode) || request.uses(kActualCode);
  const linux::TextChangeRequest wanted{of_modules, request.wants("explained", std::int64_t{1})};
  const auto problems = linux::text_changes(
      *kernel, linux::TextReferences::of(*kernel), wanted, [&](const linux::TextChange& change) {
        const bool explained = change.explained_by.has_value();
        if (!request.wants("explained", std::int64_t{explained ? 1 : 0}) ||
            !request.wants("source", change.source))
          return true;
        const auto written =
            code ? listing.write(change.first, change.expected, change.actual) : CodeListing::Both{};
        std::vector<Value> row{cell(change.first.value),
                               cell(change.actual.size()),
                               cell(to_hex(change.expected)),
                               cell(to_hex(change.actual)),
                               cell(unsigned{explained}),
                               explained ? cell(*change.explained_by) : null_cell(),
                               cell(change.source),
                               code ? cell(written.expected) : null_cell(),
                               code ? cell(written.actual) : null_cell()};
        names.add(row, change.first.value);
        return sink.row(std::move(row));
      });
  for (const Error& problem : problems) sink.incomplete(problem);
  return {};
}

std::vector<Column> columns() {
  return with_address_names(
      {{"gva", ColumnType::address, "its first byte", Stability::kept},
       {"size", ColumnType::integer, "bytes"},
       {"expected", ColumnType::bytes, "what should stand there; of several possible encodings the first"},
       {"actual", ColumnType::bytes, "what does"},
       {"explained", ColumnType::boolean, "there is a reason: explained_by is not NULL"},
       {"explained_by", ColumnType::text,
        "what made the change, and made it right: a kind of patch site, or what the reference knows was "
        "decided "
        "at boot"},
       {"source", ColumnType::text,
        "what says so: sites (the kernel's own state), golden (the vendor's kernel), first-seen (the "
        "baseline)"},
       {"expected_code", ColumnType::text, "disassembled, whole instructions"},
       {"actual_code", ColumnType::text, "the same"}});
}

}  // namespace

Table kernel_text_changes_table() {
  return {.name = "kernel_text_changes",
          .doc =
              "Linux: code of the kernel that is not what its own state, the vendor's kernel or the baseline "
              "says.",
          .columns = columns(),
          .pushdown = {"explained", "source"},
          .identity = {"gva", "source"},
          .example =
              "SELECT gva, symbol, expected_code, actual_code FROM kernel_text_changes WHERE explained = 0",
          .in_baseline = false,
          .baseline_where = {},
          .bulk = true,
          .fill = [](guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
            return fill(snapshot, request, sink, false);
          }};
}

Table module_text_changes_table() {
  return {
      .name = "module_text_changes",
      .doc =
          "Linux: code of modules that is not what the kernel's state, the vendor's module or the baseline "
          "says.",
      .columns = columns(),
      .pushdown = {"explained", "source"},
      .identity = {"gva", "source"},
      .example = "SELECT module, gva, symbol, actual_code FROM module_text_changes WHERE explained = 0",
      .in_baseline = false,
      .baseline_where = {},
      .bulk = true,
      .fill = [](guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
        return fill(snapshot, request, sink, true);
      }};
}

}  // namespace ringside::policies
