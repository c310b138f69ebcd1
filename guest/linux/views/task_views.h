// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/tasks.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// A thread that some view of the kernel's tasks shows. A view is nullopt where this kernel has no such view,
/// where it does not apply to the thread, or where it could not be read wholly.
struct TaskView {
  Task task;                      ///< with its pointers and state
  std::optional<bool> listed;     ///< reached from init_task's list of processes and their lists of threads
  std::optional<bool> pid_table;  ///< in the table of pids of the first pid namespace: /proc
  std::optional<bool> own_pid_table;         ///< in that of its own pid namespace, if that is another
  std::optional<bool> child;                 ///< a process: among the children of some thread
  std::optional<bool> control_group;         ///< in the list of tasks of a css_set; one that ends need not be
  bool run_queue = false;                    ///< runs, or waits for a CPU, at this moment: many do not
  std::optional<std::int32_t> pid_in_table;  ///< the number that the pid table has it under
  bool in_flight = false;                    ///< being made, or past its end: views differ for a moment
  std::optional<bool> hidden;                ///< it is not in flight, and a view that must show it does not
};

/// The threads that any view shows: the listed ones in their order, then the others. Idle tasks (pid 0) are
/// in no view and are left out. All is read in one pass: on a running guest a thread that begins or ends
/// meanwhile may seem hidden for one look.
Listing<TaskView> task_views(Kernel& kernel);

}  // namespace ringside::guest::linux
