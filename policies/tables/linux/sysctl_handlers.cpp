// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl.h"
#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/subsystem_tables.h"
#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto all, linux::sysctls(*kernel));
  report_problems(all, sink);
  constexpr std::size_t kFirstName = 4;
  AddressNames names(snapshot, request, kFirstName, sink);
  for (const auto& value : all.entries) {
    if (value.handler.value == 0) continue;
    std::vector<Value> row = {cell(value.name), cell_or_null(value.netns), cell(value.gva.value),
                              cell(value.handler.value)};
    names.add(row, value.handler.value);
    if (!sink.row(std::move(row))) break;
  }
  return {};
}

}  // namespace

Table sysctl_handlers_table() {
  return {.name = "sysctl_handlers",
          .doc = "Linux: the functions that read and write the values of /proc/sys.",
          .columns = with_address_names(
              {{"name", ColumnType::text, "as sysctl(8) spells it: net.ipv4.ip_forward"},
               {"netns", ColumnType::integer, "network namespace, as in /proc/PID/ns/net", Stability::kept},
               {"gva", ColumnType::address, "its struct ctl_table", Stability::kept},
               {"function", ColumnType::address, "proc_handler", Stability::kept}}),
          .pushdown = {},
          .identity = {"name", "gva"},
          .example = "SELECT name, symbol FROM sysctl_handlers WHERE module IS NOT NULL",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
