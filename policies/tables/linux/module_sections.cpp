// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/module_sections.h"

#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  const auto listing = linux::modules(*kernel, linux::ModuleParts::none);
  report_problems(listing, sink);
  linux::ModuleSectionReader reader(*kernel);
  if (reader.unusable()) return fail(*reader.unusable());
  for (const auto& module : listing.entries) {
    if (!request.wants("module", std::string_view(module.name))) continue;
    std::uint64_t number = 0;
    for (auto& section : reader.read(module, [&](Error error) { sink.incomplete(std::move(error)); })) {
      const std::uint64_t place = number++;
      if (!request.wants("section", std::string_view(section.name))) continue;
      if (!sink.row({cell(module.name), cell(std::move(section.name)), cell(section.address.value),
                     cell(place), cell(module.address.value)}))
        return {};
    }
  }
  return {};
}

}  // namespace

Table module_sections_table() {
  return {
      .name = "module_sections",
      .doc = "Linux: the sections that modules were loaded from, as in /sys/module/NAME/sections.",
      .columns = {{"module", ColumnType::text, "its name"},
                  {"section", ColumnType::text, ".text, .rodata, ..."},
                  {"address", ColumnType::address,
                   "where it was put; that of an init section is free, or something else's, once init has "
                   "run",
                   Stability::kept},
                  {"number", ColumnType::integer, "place in the module's file, from 0"},
                  {"gva", ColumnType::address, "of the struct module", Stability::kept}},
      .pushdown = {"module", "section"},
      .identity = {"module", "number", "gva"},
      .example = "SELECT section, address FROM module_sections WHERE module = 'virtio_blk'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
