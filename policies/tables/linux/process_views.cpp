// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/task_views.h"
#include "policies/tables/linux/view_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  const auto listing = linux::task_views(*kernel);
  report_problems(listing, sink);
  for (const auto& view : listing.entries) {
    const linux::Task& task = view.task;
    if (!sink.row({std::int64_t{task.tgid}, std::int64_t{task.pid}, cell(task.comm),
                   std::int64_t{task.kernel_thread()}, cell_or_null(task.exit_state), truth_cell(view.listed),
                   truth_cell(view.pid_table), truth_cell(view.own_pid_table), truth_cell(view.child),
                   truth_cell(view.control_group), std::int64_t{view.run_queue},
                   number_cell(view.pid_in_table), std::int64_t{view.in_flight}, truth_cell(view.hidden),
                   cell(task.address.value)}))
      break;
  }
  return {};
}

}  // namespace

Table process_views_table() {
  using enum ColumnType;
  constexpr auto live = Stability::live;
  return {.name = "process_views",
          .doc = "Linux: every thread that any of the kernel's records shows, with the records that do not.",
          .columns =
              {{"pid", integer, "process id, in the first pid namespace"},
               {"tid", integer, "thread id"},
               {"comm", text, "name, at most 15 bytes"},
               {"kernel_thread", boolean, "runs in the kernel only"},
               {"exit_state", integer, "0, or what the kernel calls it: 16 dead, 32 zombie", live},
               {"listed", boolean, "reached from init_task by the lists of processes and of their threads"},
               {"pid_table", boolean, "in the pid table of the first namespace, which /proc shows"},
               {"own_pid_table", boolean,
                "in the pid table of its own namespace; NULL for one of the first namespace"},
               {"child", boolean, "among the children of a thread; NULL for a thread that is not the first"},
               {"control_group", boolean,
                "in the tasks of a control group; NULL for one that has left it to end"},
               {"run_queue", boolean, "runs, or waits for a CPU", live},
               {"pid_in_table", integer, "the number that the pid table has it under"},
               {"in_flight", boolean, "being made, or past its end: records differ for a moment", live},
               {"hidden", boolean, "it is not in flight, and a record that must show it does not"},
               {"task", address, "its task_struct", Stability::kept}},
          .pushdown = {},
          .identity = {"tid", "task"},
          .example = "SELECT pid, tid, comm, listed, pid_table, child FROM process_views WHERE hidden",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
