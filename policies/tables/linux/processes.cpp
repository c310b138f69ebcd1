// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/task_columns.h"
#include "policies/tables/support.h"

namespace ringside::policies {

namespace {

const std::vector<TaskColumn>& columns() {
  static const auto all = task_columns({"pid",
                                        "ppid",
                                        "comm",
                                        "name",
                                        "kernel_thread",
                                        "exe",
                                        "cmdline",
                                        "state",
                                        "exit_state",
                                        "flags",
                                        "threads",
                                        "pgrp",
                                        "session",
                                        "tty",
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
                                        "total_vm",
                                        "rss",
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
  return fill_tasks(snapshot, request, sink, columns(), guest::linux::tasks);
}

}  // namespace

Table processes_table() {
  return {
      .name = "processes",
      .doc = "Linux: the processes, kernel threads included: one row a thread group, by its first thread.",
      .columns = declared(columns()),
      .pushdown = {"pid"},
      .identity = {"pid", "task"},
      .example = "SELECT pid, comm, uid FROM processes WHERE NOT kernel_thread AND euid = 0 AND uid <> 0",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
