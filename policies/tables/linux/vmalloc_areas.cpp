// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/vmalloc_areas.h"

#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/pages_tables.h"
#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

constexpr std::size_t kColumns = 7;  // without those that name the caller

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  const auto& areas = linux::vmalloc_areas(*kernel);
  report_problems(areas, sink);
  AddressNames names(snapshot, request, kColumns, sink);
  for (const auto& area : areas.entries) {
    const auto kind = area.flags ? linux::vmalloc_kind(*area.flags) : std::string_view();
    std::optional<std::uint64_t> caller;
    if (area.caller && area.caller->value != 0) caller = area.caller->value;
    std::vector<Value> row = {cell(area.start.value),
                              cell(area.size),
                              kind.empty() ? null_cell() : cell(kind),
                              cell_or_null(area.flags),
                              cell_or_null(area.pages),
                              area.vm.value != 0 ? cell(area.vm.value) : null_cell(),
                              cell_or_null(caller)};
    names.add(row, caller);
    if (!sink.row(std::move(row))) break;
  }
  return {};
}

}  // namespace

Table vmalloc_areas_table() {
  return {.name = "vmalloc_areas",
          .doc =
              "Linux: the areas of vmalloc, as /proc/vmallocinfo shows them: memory of modules, stacks, "
              "code of BPF, mapped devices, ...",
          .columns = with_address_names(
              {{"start", ColumnType::address, "first address", Stability::kept},
               {"size", ColumnType::integer, "bytes, the guard page included"},
               {"kind", ColumnType::text, "vmalloc, vmap, ioremap or dma; NULL: none of them"},
               {"flags", ColumnType::address, "VM_*"},
               {"pages", ColumnType::integer, "pages that it has of its own"},
               {"vm", ColumnType::address, "its struct vm_struct; NULL: it has none (vm_map_ram)",
                Stability::kept},
               {"caller", ColumnType::address, "code that asked for it; symbol, module and region name it",
                Stability::kept}}),
          .pushdown = {},
          .identity = {"start"},
          .example = "SELECT start, size, symbol FROM vmalloc_areas WHERE module IS NOT NULL",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
