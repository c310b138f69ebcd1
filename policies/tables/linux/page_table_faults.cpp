// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/page_table_faults.h"

#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/pages_tables.h"
#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

constexpr std::size_t kColumns = 6;  // without those that name the address

/// False: the sink wants no more.
bool add_rows(const linux::Listing<linux::PageTableFault>& listing, AddressNames& names, RowSink& sink) {
  for (const auto& fault : listing.entries) {
    std::vector<Value> row = {cell(to_string(fault.kind)),
                              cell(fault.gva.value),
                              cell(fault.size),
                              fault.gpa ? cell(fault.gpa->value) : null_cell(),
                              cell_or_null(fault.entry),
                              cell(fault.what)};
    names.add(row, fault.gva.value);
    if (!sink.row(std::move(row))) return false;
  }
  return true;
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  AddressNames names(snapshot, request, kColumns, sink);
  for (std::size_t i = 0; i < linux::kPageTableFaultKinds; ++i) {
    const auto kind = static_cast<linux::PageTableFaultKind>(i);
    const auto name = to_string(kind);
    if (!request.wants("kind", name)) continue;
    const auto listing = linux::page_table_faults(*kernel, kind);
    if (!listing) {
      sink.incomplete(listing.error().within(name));
      continue;
    }
    for (const Error& problem : listing->problems) sink.incomplete(problem.within(name));
    if (!add_rows(*listing, names, sink)) break;
  }
  return {};
}

}  // namespace

Table page_table_faults_table() {
  return {.name = "page_table_faults",
          .doc =
              "Linux: what must not be in the kernel's page tables; no rows on a healthy guest. Ask for a "
              "kind: each has its own cost.",
          .columns = with_address_names(
              {{"kind", ColumnType::text,
                "user_page, writable_executable, writable_code, writable_rodata, writable_idt, image_moved, "
                "area_moved, mm_differs or user_half"},
               {"gva", ColumnType::address, "first address"},
               {"size", ColumnType::integer, "bytes"},
               {"gpa", ColumnType::address,
                "where it leads; of mm_differs: where the highest page table stands", Stability::kept},
               {"entry", ColumnType::address, "the page-table entry that says so", Stability::kept},
               {"what", ColumnType::text, "in words"}}),
          .pushdown = {"kind"},
          .identity = {"kind", "gva", "gpa"},
          .example = "SELECT kind, gva, symbol, what FROM page_table_faults",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
