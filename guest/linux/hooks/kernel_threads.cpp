// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/execution.h"
#include "guest/linux/tasks.h"

namespace ringside::guest::linux {

Result<Hooks> kernel_threads(Kernel& kernel) {
  Hooks hooks;
  RINGSIDE_TRY(const auto function, kernel.offset("kthread", "threadfn"));
  RINGSIDE_TRY(const Field kthread, kernel.field_of("task_struct", {"worker_private", "set_child_tid"}));
  TaskQuery query;
  query.parts = TaskParts::thread_function;
  const auto all = tasks(kernel, query);
  for (const auto& error : all.problems) hooks.problem(error);
  for (const Task& task : all.entries) {
    if (!task.kernel_thread() || !task.thread_function) continue;
    Hook hook;
    hook.group = "kthread";
    hook.name = task.comm;
    hook.slot = "threadfn";
    hook.number = task.pid;
    hook.object = task.address;
    if (const auto at = kernel.read_pointer_field(task.address, kthread)) hook.place = *at + function;
    hook.target = *task.thread_function;
    hooks.entries.push_back(std::move(hook));
  }
  return hooks;
}

}  // namespace ringside::guest::linux
