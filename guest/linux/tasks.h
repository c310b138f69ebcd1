// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/credentials.h"
#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/namespaces.h"
#include "guest/linux/process_group.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// What to read of each task. Address, pid, tgid, comm and flags are always read; what is not asked for costs
/// nothing and enters no read set.
enum class TaskParts : std::uint32_t {
  none = 0,
  pointers = 1,      ///< mm, files, fs, nsproxy, signal, cred, real_cred
  state = 2,         ///< state, exit_state
  schedule = 4,      ///< nice, priority, policy, cpu
  parent = 8,        ///< ppid
  start = 16,        ///< start_boottime
  credentials = 32,  ///< credentials but for the number of groups
  groups = 64,       ///< credentials with the number of groups
  namespaces = 128,
  group = 256,            ///< threads, process group, session, terminal
  own_pid = 512,          ///< pid and tgid in the task's own pid namespace
  name = 1024,            ///< the name that /proc shows
  thread_function = 2048  ///< what a kernel thread runs
};
constexpr TaskParts operator|(TaskParts a, TaskParts b) {
  return static_cast<TaskParts>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr bool has(TaskParts set, TaskParts any) {
  return (static_cast<std::uint32_t>(set) & static_cast<std::uint32_t>(any)) != 0;
}
inline constexpr TaskParts kAllTaskParts = static_cast<TaskParts>(0xfff);

/// One struct task_struct (include/linux/sched.h): a thread, or a process by its first thread. nullopt: not
/// asked for, not applicable, or this kernel's layout does not tell (then the listing's problems name it).
struct Task {
  Gva address{0};                  ///< of the task_struct
  std::int32_t pid = 0, tgid = 0;  ///< in the first pid namespace; pid is the thread's
  std::string comm;                ///< at most 15 bytes, as the guest holds them
  std::uint32_t flags = 0;         ///< PF_*
  bool kernel_thread() const { return (flags & 0x00200000) != 0; }  ///< PF_KTHREAD

  std::optional<Gva> mm, files, fs, nsproxy, signal, cred, real_cred;
  std::optional<char> state;  ///< the letter in /proc/PID/stat; see task_state_letter()
  std::optional<std::uint32_t> state_bits, exit_state;
  std::optional<std::int32_t> nice, priority;   ///< priority as in /proc/PID/stat: -100 ... 39
  std::optional<std::uint32_t> policy;          ///< SCHED_*
  std::optional<std::uint32_t> cpu;             ///< that it runs on or ran on last
  std::optional<std::int32_t> ppid;             ///< tgid of its real parent, in the first pid namespace
  std::optional<std::uint64_t> start_boottime;  ///< ns of the boot-time clock; see boot_time()
  std::optional<Credentials> credentials;       ///< real_cred: what others see it as
  NamespaceIds namespaces;
  ProcessGroup group;
  std::optional<std::int32_t> own_pid;     ///< its pid in its own pid namespace
  std::optional<std::uint32_t> pid_level;  ///< how deep that is nested
  std::optional<std::string> name;         ///< what /proc shows for comm: kernel threads have longer ones
  std::optional<Gva> thread_function;      ///< of a kernel thread that has one
};

/// Most tasks that a walk takes: four times what a default Linux allows (kernel.pid_max 32768).
inline constexpr std::uint64_t kMaxTasks = 1u << 17;

struct TaskQuery {
  TaskParts parts = kAllTaskParts;
  std::optional<std::int32_t> tgid;  ///< only this process
};

/// The first thread of every process, in the kernel's order; without the idle tasks (pid 0), as in /proc.
/// Problems: what could not be read, and a list that is torn, too long or loops. Without the symbol init_task
/// or the layout of the members that tell one task from another there are no entries, and the problem says
/// so.
Listing<Task> tasks(Kernel& kernel, const TaskQuery& query = {});

/// Every thread of every process, process by process; otherwise as tasks().
Listing<Task> threads(Kernel& kernel, const TaskQuery& query = {});

}  // namespace ringside::guest::linux
