// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/task_columns.h"
#include "policies/tables/support.h"

namespace ringside::policies {

namespace {

const std::vector<TaskColumn>& columns() {
  static const auto all = task_columns({"tid",
                                        "pid",
                                        "ppid",
                                        "comm",
                                        "name",
                                        "kernel_thread",
                                        "state",
                                        "exit_state",
                                        "flags",
                                        "start_boottime",
                                        "start_time",
                                        "uid",
                                        "euid",
                                        "suid",
                                        "fsuid",
                                        "gid",
                                        "egid",
                                        "sgid",
                                        "fsgid",
                                        "groups",
                                        "cap_effective",
                                        "cap_permitted",
                                        "cap_inheritable",
                                        "cap_bounding",
                                        "cap_ambient",
                                        "securebits",
                                        "own_pid",
                                        "pid_level",
                                        "pid_ns",
                                        "net_ns",
                                        "mnt_ns",
                                        "uts_ns",
                                        "ipc_ns",
                                        "cgroup_ns",
                                        "time_ns",
                                        "user_ns",
                                        "nice",
                                        "priority",
                                        "policy",
                                        "cpu",
                                        "thread_function",
                                        "task",
                                        "mm",
                                        "files",
                                        "fs",
                                        "nsproxy",
                                        "signal",
                                        "cred",
                                        "real_cred"});
  return all;
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  return fill_tasks(snapshot, request, sink, columns(), guest::linux::threads);
}

}  // namespace

Table threads_table() {
  return {.name = "threads",
          .doc = "Linux: every thread of every process.",
          .columns = declared(columns()),
          .pushdown = {"pid", "tid"},
          .identity = {"tid", "task"},
          .example = "SELECT pid, tid, comm, state FROM threads WHERE state = 'D'",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
