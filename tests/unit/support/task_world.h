// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/tasks.h"
#include "tests/unit/support/fake_kernel.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::testing {

/// A kernel with tasks, in a layout that no release has. Add processes and threads, change what a test is
/// about, then finish().
class TaskWorld {
 public:
  using Gva = guest::Gva;

  // Offsets.
  struct Task {
    static constexpr std::uint32_t flags = 4, state = 12, thread_node = 16, tasks = 40, signal = 56,
                                   tgid = 64, pid = 72, exit_state = 80, cred = 96, real_cred = 88,
                                   comm = 104, mm = 128, files = 136, fs = 144, nsproxy = 152,
                                   real_parent = 160, thread_pid = 168, start = 176, prio = 184,
                                   static_prio = 188, policy = 192, cpu = 196, kthread = 200, stack = 208,
                                   sp = 216, size = 256;
  };
  struct Signal {
    static constexpr std::uint32_t thread_head = 8, nr_threads = 24, pids = 32, tty = 64, size = 80;
  };
  struct Cred {
    static constexpr std::uint32_t uid = 4, gid = 8, suid = 12, sgid = 16, euid = 20, egid = 24, fsuid = 28,
                                   fsgid = 32, securebits = 36, inheritable = 40, permitted = 48,
                                   effective = 56, bounding = 64, ambient = 72, user_ns = 80, group_info = 88,
                                   size = 96;
  };
  struct Pid {
    static constexpr std::uint32_t level = 4, numbers = 16, number_size = 16, name_space = 8;
  };
  struct Kthread {
    static constexpr std::uint32_t threadfn = 0, data = 8, full_name = 16;
  };
  struct Worker {
    static constexpr std::uint32_t current_work = 0, pool = 8, desc = 16;
  };

  TaskWorld() {
    describe();
    credentials = kernel.allocate(Cred::size);
    kernel.put_pointer(credentials + Cred::group_info, kernel.allocate(8).value);
    kernel.put_pointer(credentials + Cred::user_ns, name_space(50).value);
    init_task = kernel.define_variable("init_task", Task::size);
    first_pid_ns = name_space(100);
  }

  /// A process of one thread, child of `parent` (0: of init_task).
  Gva add_process(std::int32_t pid, std::string_view comm, Gva parent = Gva{0}) {
    const Gva task = make(pid, pid, comm);
    kernel.put_pointer(task + Task::real_parent, (parent == Gva{0} ? init_task : parent).value);
    const Gva signal = kernel.allocate(Signal::size);
    kernel.put_pointer(task + Task::signal, signal.value);
    signals_[task.value] = signal;
    leaders_.push_back(task);
    threads_[task.value] = {task};
    return task;
  }
  Gva add_thread(Gva leader, std::int32_t tid, std::string_view comm) {
    const Gva task = make(tid, pids_.at(leader.value), comm);
    kernel.put_pointer(task + Task::real_parent, init_task.value);
    kernel.put_pointer(task + Task::signal, signals_[leader.value].value);
    threads_[leader.value].push_back(task);
    return task;
  }
  Gva signal(Gva leader) const { return signals_.at(leader.value); }
  /// A struct pid with these numbers, outermost first.
  Gva pid(const std::vector<std::int32_t>& numbers) {
    const Gva made = kernel.allocate(Pid::numbers + numbers.size() * Pid::number_size);
    kernel.put(made + Pid::level, static_cast<std::uint32_t>(numbers.size() - 1));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const Gva at = made + (Pid::numbers + i * Pid::number_size);
      kernel.put(at, numbers[i]);
      const auto inode = static_cast<std::uint32_t>(100 + i);
      kernel.put_pointer(at + Pid::name_space, (i == 0 ? first_pid_ns : name_space(inode)).value);
    }
    return made;
  }
  /// Any of the namespaces: they all have their number at the same place.
  Gva name_space(std::uint32_t inode) {
    const Gva made = kernel.allocate(16);
    kernel.put(made + 8, inode);
    return made;
  }
  /// Writes the lists.
  void finish() {
    std::vector<Gva> nodes;
    for (const Gva leader : leaders_) nodes.push_back(leader + Task::tasks);
    kernel.put_list(init_task + Task::tasks, nodes);
    for (const Gva leader : leaders_) {
      std::vector<Gva> of_process;
      for (const Gva thread : threads_[leader.value]) of_process.push_back(thread + Task::thread_node);
      const Gva signal = signals_[leader.value];
      kernel.put_list(signal + Signal::thread_head, of_process);
      kernel.put(signal + Signal::nr_threads, static_cast<std::int32_t>(of_process.size()));
    }
  }

  FakeKernel kernel;
  Gva init_task, credentials, first_pid_ns;

 private:
  Gva make(std::int32_t pid, std::int32_t tgid, std::string_view comm) {
    const Gva task = kernel.allocate(Task::size);
    pids_[task.value] = pid;
    kernel.put(task + Task::pid, pid);
    kernel.put(task + Task::tgid, tgid);
    kernel.put_string(task + Task::comm, comm);
    kernel.put_pointer(task + Task::cred, credentials.value);
    kernel.put_pointer(task + Task::real_cred, credentials.value);
    kernel.put_pointer(task + Task::thread_pid, this->pid({pid}).value);
    kernel.put(task + Task::prio, std::int32_t{120});
    kernel.put(task + Task::static_prio, std::int32_t{120});
    return task;
  }

  void describe() {
    auto& btf = kernel.btf_writer();
    const auto s32 = btf.integer("int", 4, true), u32 = btf.integer("unsigned int", 4),
               u64 = btf.integer("unsigned long", 8), byte = btf.integer("char", 1, true);
    const auto pointer = btf.pointer(0),
               list = btf.struct_("list_head", 16, {{"next", pointer, 0}, {"prev", pointer, 64}});
    const auto comm = btf.array(byte, 16), desc = btf.array(byte, 24), tty_name = btf.array(byte, 64),
               pids = btf.array(pointer, 4);
    const auto thread = btf.struct_("thread_struct", 8, {{"sp", u64, 0}});
    const auto thread_info = btf.struct_("thread_info", 4, {{"cpu", u32, 0}});
    btf.struct_("task_struct", Task::size,
                {{"flags", u32, Task::flags * 8},
                 {"__state", u32, Task::state * 8},
                 {"thread_node", list, Task::thread_node * 8},
                 {"tasks", list, Task::tasks * 8},
                 {"signal", pointer, Task::signal * 8},
                 {"tgid", s32, Task::tgid * 8},
                 {"pid", s32, Task::pid * 8},
                 {"exit_state", s32, Task::exit_state * 8},
                 {"real_cred", pointer, Task::real_cred * 8},
                 {"cred", pointer, Task::cred * 8},
                 {"comm", comm, Task::comm * 8},
                 {"mm", pointer, Task::mm * 8},
                 {"files", pointer, Task::files * 8},
                 {"fs", pointer, Task::fs * 8},
                 {"nsproxy", pointer, Task::nsproxy * 8},
                 {"real_parent", pointer, Task::real_parent * 8},
                 {"thread_pid", pointer, Task::thread_pid * 8},
                 {"start_boottime", u64, Task::start * 8},
                 {"prio", s32, Task::prio * 8},
                 {"static_prio", s32, Task::static_prio * 8},
                 {"policy", u32, Task::policy * 8},
                 {"thread_info", thread_info, Task::cpu * 8},
                 {"worker_private", pointer, Task::kthread * 8},
                 {"stack", pointer, Task::stack * 8},
                 {"thread", thread, Task::sp * 8}});
    btf.struct_("signal_struct", Signal::size,
                {{"thread_head", list, Signal::thread_head * 8},
                 {"nr_threads", s32, Signal::nr_threads * 8},
                 {"pids", pids, Signal::pids * 8},
                 {"tty", pointer, Signal::tty * 8}});
    // Not the kernel's order: the numbers must come from here.
    btf.enum_("pid_type", {{"PIDTYPE_PID", 0}, {"PIDTYPE_SID", 1}, {"PIDTYPE_PGID", 2}});
    btf.struct_("cred", Cred::size,
                {{"uid", u32, Cred::uid * 8},
                 {"gid", u32, Cred::gid * 8},
                 {"suid", u32, Cred::suid * 8},
                 {"sgid", u32, Cred::sgid * 8},
                 {"euid", u32, Cred::euid * 8},
                 {"egid", u32, Cred::egid * 8},
                 {"fsuid", u32, Cred::fsuid * 8},
                 {"fsgid", u32, Cred::fsgid * 8},
                 {"securebits", u32, Cred::securebits * 8},
                 {"cap_inheritable", u64, Cred::inheritable * 8},
                 {"cap_permitted", u64, Cred::permitted * 8},
                 {"cap_effective", u64, Cred::effective * 8},
                 {"cap_bset", u64, Cred::bounding * 8},
                 {"cap_ambient", u64, Cred::ambient * 8},
                 {"user_ns", pointer, Cred::user_ns * 8},
                 {"group_info", pointer, Cred::group_info * 8}});
    btf.struct_("group_info", 8, {{"usage", s32, 0}, {"ngroups", s32, 32}});
    const auto upid =
        btf.struct_("upid", Pid::number_size, {{"nr", s32, 0}, {"ns", pointer, Pid::name_space * 8}});
    const auto numbers = btf.array(upid, 1);
    btf.struct_("pid", Pid::numbers + Pid::number_size,
                {{"level", u32, Pid::level * 8}, {"numbers", numbers, Pid::numbers * 8}});
    const auto ns = btf.struct_("ns_common", 16, {{"inum", u32, 64}});
    for (const auto name : {"uts_namespace", "ipc_namespace", "mnt_namespace", "net", "time_namespace",
                            "cgroup_namespace", "pid_namespace", "user_namespace"})
      btf.struct_(name, 16, {{"ns", ns, 0}});
    btf.struct_("nsproxy", 64,
                {{"uts_ns", pointer, 0},
                 {"ipc_ns", pointer, 64},
                 {"mnt_ns", pointer, 128},
                 {"net_ns", pointer, 192},
                 {"cgroup_ns", pointer, 256}});
    btf.struct_("tty_struct", 96, {{"driver", pointer, 0}, {"index", s32, 64}, {"name", tty_name, 128}});
    btf.struct_("tty_driver", 16, {{"major", s32, 0}, {"minor_start", s32, 32}});
    btf.struct_("kthread", 24,
                {{"threadfn", pointer, Kthread::threadfn * 8},
                 {"data", pointer, Kthread::data * 8},
                 {"full_name", pointer, Kthread::full_name * 8}});
    btf.struct_("worker", 40,
                {{"current_work", pointer, Worker::current_work * 8},
                 {"pool", pointer, Worker::pool * 8},
                 {"desc", desc, Worker::desc * 8}});
  }

  std::vector<Gva> leaders_;
  std::map<std::uint64_t, std::int32_t> pids_;
  std::map<std::uint64_t, Gva> signals_;
  std::map<std::uint64_t, std::vector<Gva>> threads_;
};

}  // namespace ringside::testing
