// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/views/view.h"

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

/// The tables of pids (kernel/pid.c). `tasks` holds threads, by the table of the first namespace.
struct PidTables {
  View tasks;
  /// The number that a thread stands under.
  std::unordered_map<std::uint64_t, std::int32_t> numbers;
  /// Tables of the other namespaces, by struct pid_namespace: threads too.
  std::map<std::uint64_t, View> nested;
};
PidTables pid_tables(Kernel& kernel);

/// Tasks in the lists of the css_sets, by which control groups reach them; those that are past their end
/// included (kernel/cgroup/cgroup.c).
View control_group_tasks(Kernel& kernel);

/// The children of `parents`, threads (task_struct.children; only processes are anybody's children).
View children_of(Kernel& kernel, const std::vector<Gva>& parents);

/// What the CPUs run and what waits for them (kernel/sched: rq.curr, cfs_tasks, rt.active). It says which
/// tasks there are, not which are missing: a task that sleeps is on no queue, and queues change so fast that
/// one which is torn is followed as far as it holds together, and no further.
struct RunQueues {
  std::vector<Gva> tasks;
  std::vector<Gva> idle;  ///< the idle task of each CPU
  std::vector<Error> problems;
};
RunQueues run_queues(Kernel& kernel);

}  // namespace ringside::guest::linux
