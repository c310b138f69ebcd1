// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel_log.h"
#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Value cell_or_null_if_empty(const std::string& text) {
  return text.empty() ? null_cell() : cell(text);
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto log, linux::kernel_log(*kernel));
  report_problems(log, sink);
  for (const auto& record : log.entries)
    if (!sink.row({cell(record.sequence), cell(record.timestamp), cell(record.level), cell(record.facility),
                   cell(linux::caller_name(record.caller)), cell(record.text),
                   cell_or_null_if_empty(record.subsystem), cell_or_null_if_empty(record.device),
                   cell(record.finalized), cell(record.gva.value)}))
      break;
  return {};
}

}  // namespace

Table dmesg_table() {
  return {
      .name = "dmesg",
      .doc = "Linux: the kernel's log, from the printk ring buffer: one row a record.",
      .columns = {{"sequence", ColumnType::integer, "number of the record, from 0 at boot"},
                  {"timestamp", ColumnType::integer, "nanoseconds since boot"},
                  {"level", ColumnType::integer, "0 (emergency) to 7 (debug)"},
                  {"facility", ColumnType::integer, "0: the kernel; others were written through /dev/kmsg"},
                  {"caller", ColumnType::text, "T and thread id, or C and CPU where no task ran"},
                  {"text", ColumnType::text, "the message, which may have several lines"},
                  {"subsystem", ColumnType::text, "of the device that it is about; NULL if of none"},
                  {"device", ColumnType::text, "the device, as +bus:name or cMAJOR:MINOR; NULL if of none"},
                  {"finalized", ColumnType::boolean,
                   "complete; if not, its line may still be continued, and /dev/kmsg does not show it yet"},
                  {"gva", ColumnType::address, "its struct printk_info", Stability::kept}},
      .pushdown = {},
      .identity = {"sequence"},
      .example = "SELECT timestamp / 1000000000.0 AS seconds, text FROM dmesg WHERE level <= 3",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
