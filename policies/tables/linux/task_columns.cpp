// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/task_columns.h"

#include "policies/tables/linux/support.h"
#include "policies/tables/timestamp.h"

#include <algorithm>
#include <array>

namespace ringside::policies {

namespace {

using guest::Gva;
using guest::linux::Credentials;
using guest::linux::NamespaceIds;
using guest::linux::ProcessGroup;
using guest::linux::Task;
using P = guest::linux::TaskParts;
using enum ColumnType;

template <class T>
Value known(const std::optional<T>& value) {
  if constexpr (std::is_integral_v<T>)
    return value ? Value(static_cast<std::int64_t>(*value)) : null_cell();
  else
    return cell_or_null(value);
}
/// An object of the task: NULL if it has none.
Value object(const std::optional<Gva>& address) {
  return !address || *address == Gva{0} ? null_cell() : cell(address->value);
}

template <auto member>
Value of_task(const Task& task, TaskContext&) {
  return known(task.*member);
}
template <auto member>
Value of_object(const Task& task, TaskContext&) {
  return object(task.*member);
}
template <auto member>
Value of_credentials(const Task& task, TaskContext&) {
  return task.credentials ? known((*task.credentials).*member) : null_cell();
}
template <auto member>
Value of_namespaces(const Task& task, TaskContext&) {
  return known(task.namespaces.*member);
}
template <auto member>
Value of_group(const Task& task, TaskContext&) {
  return known(task.group.*member);
}
template <auto member>
Value of_memory(const Task& task, TaskContext& context) {
  return known(context.sizes(task).*member);
}

Value policy(const Task& task, TaskContext&) {
  // include/uapi/linux/sched.h; 4 was never used.
  constexpr std::array<const char*, 8> kNames = {"other", "fifo", "rr",       "batch",
                                                 nullptr, "idle", "deadline", "ext"};
  if (!task.policy) return null_cell();
  if (*task.policy < kNames.size() && kNames[*task.policy] != nullptr) return cell(kNames[*task.policy]);
  return cell(std::to_string(*task.policy));
}

Value start_time(const Task& task, TaskContext& context) {
  // Bounded, so that the sum does not overflow: some 146 years.
  constexpr std::uint64_t kLongest = std::uint64_t{1} << 62;
  const auto boot = context.boot_time();
  if (!boot || !task.start_boottime || *task.start_boottime > kLongest) return null_cell();
  if (boot->time_since_epoch().count() > static_cast<std::int64_t>(kLongest)) return null_cell();
  const auto start = *boot + std::chrono::nanoseconds(static_cast<std::int64_t>(*task.start_boottime));
  return cell(timestamp(std::chrono::floor<std::chrono::milliseconds>(start)));
}

const std::vector<TaskColumn>& all_columns() {
  constexpr auto kLive = Stability::live;
  constexpr auto kKept = Stability::kept;
  static const std::vector<TaskColumn> all = {
      {{"pid", integer, "process id, in the first pid namespace"},
       P::none,
       [](const Task& task, TaskContext&) -> Value { return std::int64_t{task.tgid}; }},
      {{"tid", integer, "thread id, in the first pid namespace; that of the first thread is the pid"},
       P::none,
       [](const Task& task, TaskContext&) -> Value { return std::int64_t{task.pid}; }},
      {{"ppid", integer, "pid of the parent, 0 for none"}, P::parent, of_task<&Task::ppid>},
      {{"comm", text, "name, at most 15 bytes"},
       P::none,
       [](const Task& task, TaskContext&) { return cell(task.comm); }},
      {{"name", text, "name as /proc shows it: kernel threads have longer ones; NULL where that is not known",
        kLive},
       P::name,
       of_task<&Task::name>},
      {{"kernel_thread", boolean, "runs in the kernel only"},
       P::none,
       [](const Task& task, TaskContext&) -> Value { return std::int64_t{task.kernel_thread()}; }},
      {{"state", text,
        "R running, S sleeping, D disk sleep, T stopped, t traced, X dead, Z zombie, P parked, I idle",
        kLive},
       P::state,
       [](const Task& task, TaskContext&) {
         return task.state ? cell(std::string(1, *task.state)) : null_cell();
       }},
      {{"exit_state", integer, "0 alive, 16 dead, 32 zombie", kLive}, P::state, of_task<&Task::exit_state>},
      {{"flags", integer, "PF_* flags", kLive},
       P::none,
       [](const Task& task, TaskContext&) { return cell(task.flags); }},
      {{"threads", integer, "number of threads", kLive}, P::group, of_group<&ProcessGroup::threads>},
      {{"pgrp", integer, "process group"}, P::group, of_group<&ProcessGroup::pgrp>},
      {{"session", integer, "session"}, P::group, of_group<&ProcessGroup::session>},
      {{"tty", text, "controlling terminal, as under /dev; NULL for none"},
       P::group,
       of_group<&ProcessGroup::tty>},
      {{"start_boottime", integer, "when it started: nanoseconds since the guest booted"},
       P::start,
       of_task<&Task::start_boottime>},
      {{"start_time", text, "the same by the guest's clock, RFC 3339, UTC", kLive}, P::start, start_time},
      {{"uid", integer, "real user id"}, P::credentials, of_credentials<&Credentials::uid>},
      {{"euid", integer, "effective user id"}, P::credentials, of_credentials<&Credentials::euid>},
      {{"suid", integer, "saved user id"}, P::credentials, of_credentials<&Credentials::suid>},
      {{"fsuid", integer, "user id for file access"}, P::credentials, of_credentials<&Credentials::fsuid>},
      {{"gid", integer, "real group id"}, P::credentials, of_credentials<&Credentials::gid>},
      {{"egid", integer, "effective group id"}, P::credentials, of_credentials<&Credentials::egid>},
      {{"sgid", integer, "saved group id"}, P::credentials, of_credentials<&Credentials::sgid>},
      {{"fsgid", integer, "group id for file access"}, P::credentials, of_credentials<&Credentials::fsgid>},
      {{"groups", integer, "number of supplementary groups"},
       P::groups,
       of_credentials<&Credentials::groups>},
      {{"cap_effective", address, "effective capabilities, a bit each"},
       P::credentials,
       of_credentials<&Credentials::effective>},
      {{"cap_permitted", address, "permitted capabilities"},
       P::credentials,
       of_credentials<&Credentials::permitted>},
      {{"cap_inheritable", address, "inheritable capabilities"},
       P::credentials,
       of_credentials<&Credentials::inheritable>},
      {{"cap_bounding", address, "capabilities that it can ever gain"},
       P::credentials,
       of_credentials<&Credentials::bounding>},
      {{"cap_ambient", address, "ambient capabilities"},
       P::credentials,
       of_credentials<&Credentials::ambient>},
      {{"securebits", integer, "SECBIT_* flags"}, P::credentials, of_credentials<&Credentials::securebits>},
      {{"own_pid", integer, "the pid (of a thread: tid) in its own pid namespace"},
       P::own_pid,
       of_task<&Task::own_pid>},
      {{"pid_level", integer, "how deep its pid namespace is nested, 0 for the first"},
       P::own_pid,
       of_task<&Task::pid_level>},
      {{"pid_ns", integer, "inode number of its pid namespace"},
       P::namespaces,
       of_namespaces<&NamespaceIds::pid>},
      {{"net_ns", integer, "network namespace; this and those that follow NULL for a zombie"},
       P::namespaces,
       of_namespaces<&NamespaceIds::net>},
      {{"mnt_ns", integer, "mount namespace"}, P::namespaces, of_namespaces<&NamespaceIds::mnt>},
      {{"uts_ns", integer, "host name namespace"}, P::namespaces, of_namespaces<&NamespaceIds::uts>},
      {{"ipc_ns", integer, "IPC namespace"}, P::namespaces, of_namespaces<&NamespaceIds::ipc>},
      {{"cgroup_ns", integer, "control group namespace"},
       P::namespaces,
       of_namespaces<&NamespaceIds::cgroup>},
      {{"time_ns", integer, "time namespace"}, P::namespaces, of_namespaces<&NamespaceIds::time>},
      {{"user_ns", integer, "user namespace; a zombie has one too"},
       P::namespaces,
       of_namespaces<&NamespaceIds::user>},
      {{"nice", integer, "-20 to 19"}, P::schedule, of_task<&Task::nice>},
      {{"priority", integer, "as in /proc/PID/stat: below 0 real time", kLive},
       P::schedule,
       of_task<&Task::priority>},
      {{"policy", text, "scheduling policy: other, fifo, rr, batch, idle, deadline, ext"},
       P::schedule,
       policy},
      {{"cpu", integer, "CPU that it runs on or ran on last", kLive}, P::schedule, of_task<&Task::cpu>},
      {{"exe", text, "path of what it executes; NULL for kernel threads and zombies"},
       P::pointers,
       [](const Task& task, TaskContext& context) { return cell_or_null(context.executable(task)); }},
      {{"cmdline", text, "arguments, a blank between them: the process can change them"},
       P::pointers,
       [](const Task& task, TaskContext& context) { return cell_or_null(context.command_line(task)); }},
      {{"total_vm", integer, "bytes mapped; NULL without an address space", kLive},
       P::pointers,
       of_memory<&guest::linux::MemorySizes::total>},
      {{"rss", integer, "bytes of them in memory", kLive},
       P::pointers,
       of_memory<&guest::linux::MemorySizes::resident>},
      {{"thread_function", address, "what a kernel thread runs", kKept},
       P::thread_function,
       of_object<&Task::thread_function>},
      {{"task", address, "its task_struct", kKept},
       P::none,
       [](const Task& task, TaskContext&) { return cell(task.address.value); }},
      {{"mm", address, "its mm_struct; NULL for kernel threads and zombies", kKept},
       P::pointers,
       of_object<&Task::mm>},
      {{"files", address, "its files_struct", kKept}, P::pointers, of_object<&Task::files>},
      {{"fs", address, "its fs_struct", kKept}, P::pointers, of_object<&Task::fs>},
      {{"nsproxy", address, "its nsproxy", kKept}, P::pointers, of_object<&Task::nsproxy>},
      {{"signal", address, "its signal_struct", kKept}, P::pointers, of_object<&Task::signal>},
      {{"cred", address, "credentials that it acts with", kKept}, P::pointers, of_object<&Task::cred>},
      {{"real_cred", address, "credentials that others see, those shown here", kKept},
       P::pointers,
       of_object<&Task::real_cred>},
  };
  return all;
}

}  // namespace

std::vector<TaskColumn> task_columns(std::initializer_list<std::string_view> names) {
  std::vector<TaskColumn> chosen;
  for (const auto name : names) {
    const auto& all = all_columns();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const TaskColumn& c) { return c.column.name == name; });
    if (found != all.end()) chosen.push_back(*found);
  }
  return chosen;
}

std::vector<Column> declared(const std::vector<TaskColumn>& columns) {
  std::vector<Column> plain;
  for (const TaskColumn& column : columns) plain.push_back(column.column);
  return plain;
}

}  // namespace ringside::policies
