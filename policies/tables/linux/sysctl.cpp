// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl.h"

#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  std::optional<std::string_view> name;
  if (const auto wanted = request.equal.find("name"); wanted != request.equal.end())
    if (const auto* text = std::get_if<std::string>(&wanted->second)) name = *text;
  RINGSIDE_TRY(const auto values, linux::sysctls(*kernel, name));
  report_problems(values, sink);
  for (const auto& value : values.entries)
    if (!sink.row({cell(value.name), cell_or_null(value.value), cell_or_null(value.netns), cell(value.mode),
                   cell(value.handler.value),
                   value.handler_name.empty() ? null_cell() : cell(value.handler_name),
                   value.data.value == 0 ? null_cell() : cell(value.data.value), cell(value.length),
                   cell(value.gva.value)}))
      break;
  return {};
}

}  // namespace

Table sysctl_table() {
  return {
      .name = "sysctl",
      .doc = "Linux: the values of /proc/sys: one row a value, and for those of the network one a namespace.",
      .columns = {{"name", ColumnType::text, "as sysctl(8) spells it: net.ipv4.ip_forward"},
                  {"value", ColumnType::text,
                   "what reading it gives; NULL where the handler computes it by rules of its own"},
                  {"netns", ColumnType::integer,
                   "network namespace, as in /proc/PID/ns/net; NULL for a value that is not a namespace's",
                   Stability::kept},
                  {"mode", ColumnType::integer, "permissions of its file"},
                  {"handler", ColumnType::address, "function that reads and writes it", Stability::kept},
                  {"handler_name", ColumnType::text, "the same by name; NULL outside of the kernel image"},
                  {"data", ColumnType::address, "where the value stands; NULL if the handler needs no place",
                   Stability::kept},
                  {"length", ColumnType::integer, "bytes of the value (maxlen)"},
                  {"gva", ColumnType::address, "its struct ctl_table", Stability::kept}},
      .pushdown = {"name"},
      .identity = {"name", "gva"},
      .example = "SELECT name, value FROM sysctl WHERE name LIKE 'kernel.%' AND value IS NOT NULL",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
