// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/modules.h"
#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  const auto listing = linux::modules(*kernel, linux::ModuleParts::layout);
  report_problems(listing, sink);
  for (const auto& module : listing.entries) {
    if (!request.wants("module", std::string_view(module.name))) continue;
    for (const auto& region : module.regions) {
      const auto kind = linux::to_string(region.kind);
      if (!request.wants("kind", kind)) continue;
      if (!sink.row({cell(module.name), cell(kind), cell(region.base.value), cell(region.size),
                     cell(module.address.value)}))
        return {};
    }
  }
  return {};
}

}  // namespace

Table module_regions_table() {
  return {.name = "module_regions",
          .doc = "Linux: the memory of modules: one row for each kind of it that a module has.",
          .columns = {{"module", ColumnType::text, "its name"},
                      {"kind", ColumnType::text,
                       "text, data, rodata, ro_after_init; and while its init runs init_text, init_data, "
                       "init_rodata"},
                      {"base", ColumnType::address, "first address", Stability::kept},
                      {"size", ColumnType::integer, "bytes"},
                      {"gva", ColumnType::address, "of the struct module", Stability::kept}},
          .pushdown = {"module", "kind"},
          .identity = {"module", "kind", "gva"},
          .example = "SELECT module, base, size FROM module_regions WHERE kind = 'text'",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
