// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/settings.h"
#include "policies/tables/linux/subsystem_tables.h"
#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all,
               linux::settings(*kernel, [&](std::string_view name) { return request.wants("name", name); }));
  report_problems(all, sink);
  for (const auto& setting : all.entries) {
    const auto number = [](const std::optional<std::int64_t>& value) {
      return value ? Value(*value) : null_cell();
    };
    if (!sink.row({cell(setting.name),
                   setting.text     ? cell(*setting.text)
                   : setting.number ? cell(std::to_string(*setting.number))
                                    : null_cell(),
                   number(setting.number), setting.normal.empty() ? null_cell() : cell(setting.normal),
                   cell(to_string(setting.way)), number(setting.final), cell_or_null(setting.required),
                   cell(setting.source), cell(setting.gva.value)}))
      break;
  }
  return {};
}

}  // namespace

Table kernel_settings_table() {
  return {
      .name = "kernel_settings",
      .doc = "Linux: variables on which the kernel's protection hangs, and names of programs that it runs.",
      .columns = {{"name", ColumnType::text, "the variable"},
                  {"value", ColumnType::text, "what it holds"},
                  {"number", ColumnType::integer, "the same as a number; NULL of a text"},
                  {"normal", ColumnType::text,
                   "what it holds in a kernel that nobody changed; NULL where that differs"},
                  {"way", ColumnType::text,
                   "how the kernel lets it change: any; rises: never falls; ends: keeps the number `final`; "
                   "gains_bits: loses none"},
                  {"final", ColumnType::integer, "see `way`"},
                  {"required_bits", ColumnType::integer,
                   "of tainted_mask: the taints of the modules that are loaded", Stability::live},
                  {"source", ColumnType::text, "how it was found: symbol, sysctl", Stability::kept},
                  {"gva", ColumnType::address, "where it stands", Stability::kept}},
      .pushdown = {"name"},
      .identity = {"name"},
      .example = "SELECT name, value, normal FROM kernel_settings WHERE value <> normal",
      .in_baseline = true,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
