// SPDX-License-Identifier: Apache-2.0
#include "agent/process_memory_argument.h"

#include "guest/linux/tasks.h"

#include <limits>
#include <string>

namespace ringside::agent {

namespace linux = guest::linux;

Result<linux::ProcessMemory> memory_of_process(linux::Kernel& kernel, std::uint64_t pid) {
  const std::string process = "process " + std::to_string(pid);
  linux::TaskQuery query;
  query.parts = linux::TaskParts::pointers;
  if (pid > std::numeric_limits<std::int32_t>::max())
    return fail(Errc::invalid_argument, "there is no " + process);
  query.tgid = static_cast<std::int32_t>(pid);
  auto found = linux::tasks(kernel, query);
  if (found.entries.empty()) {
    if (!found.problems.empty()) return fail(found.problems.front().within(process));
    return fail(Errc::invalid_argument, "there is no " + process);
  }
  const auto& task = found.entries.front();
  if (!task.mm) {
    RINGSIDE_CHECK(kernel.field("task_struct", "mm"));
  }
  if (task.mm.value_or(guest::Gva{0}) == guest::Gva{0})
    return fail(Errc::invalid_argument,
                process + (task.kernel_thread() ? " is a kernel thread: it has no memory of its own"
                                                : " has ended: it has no memory any more"));
  return linux::ProcessMemory::of(kernel, *task.mm);
}

}  // namespace ringside::agent
