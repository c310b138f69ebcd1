// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/support/fake_kernel.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <vector>

namespace ringside::testing {

/// A kernel that keeps its tasks in every way in which Linux does, in a layout that no release has. Add
/// threads, take what a test hides out of `listed`, `in_table`, `children` or `grouped`, then finish().
class TaskViewWorld {
 public:
  using Gva = guest::Gva;
  struct Task {
    static constexpr std::uint32_t flags = 0, state = 4, exit_state = 8, pid = 12, tgid = 16, comm = 24,
                                   tasks = 40, thread_node = 56, signal = 72, mm = 80, files = 88, fs = 96,
                                   nsproxy = 104, cred = 112, real_cred = 120, thread_pid = 128,
                                   pid_links = 136, children = 152, sibling = 168, cg_list = 184,
                                   group_node = 200, run_list = 216, size = 256;
  };
  struct Pid {
    static constexpr std::uint32_t level = 0, tasks = 8, numbers = 16, number_size = 16;
  };
  struct Cred {
    static constexpr std::uint32_t usage = 0, ids = 4, sets = 40, user_ns = 80, size = 96;
    static constexpr std::uint32_t euid = ids + 4 * 4, inheritable = sets, permitted = sets + 8,
                                   effective = sets + 16, ambient = sets + 32;
  };
  struct Queue {
    static constexpr std::uint32_t curr = 0, idle = 8, cfs_tasks = 16, rt = 32, priorities = 4, size = 128;
  };

  TaskViewWorld() {
    describe();
    init_task = kernel.define_variable("init_task", Task::size);
    init_cred = kernel.define_variable("init_cred", Cred::size);
    first_pid_ns = kernel.define_variable("init_pid_ns", 32);
    css_sets_ = kernel.define_variable("css_set_table", 128 * 8);
    queue = kernel.define_variable("runqueues", Queue::size);
    tasklist_lock = kernel.define_variable("tasklist_lock", 8);
    kernel.define_variable("css_set_lock", 8);
    kernel.put(init_cred + Cred::usage, std::int32_t{4});
    kernel.put_pointer(init_task + Task::cred, init_cred.value);
    kernel.put_pointer(init_task + Task::real_cred, init_cred.value);
    kernel.put_pointer(queue + Queue::curr, init_task.value);
    kernel.put_pointer(queue + Queue::idle, init_task.value);
  }

  /// Numbers below 64. A process of its own, or a thread of process `leader`.
  Gva add(std::int32_t pid, std::string_view comm, Gva leader = Gva{0}) {
    const Gva task = kernel.allocate(Task::size);
    const bool first = leader == Gva{0};
    kernel.put(task + Task::pid, pid);
    kernel.put(task + Task::tgid, first ? pid : threads_.at(leader.value).pid);
    kernel.put_string(task + Task::comm, comm);
    const Gva signal = first ? kernel.allocate(16) : threads_.at(leader.value).signal;
    kernel.put_pointer(task + Task::signal, signal.value);
    threads_[task.value] = {task, signal, Gva{0}, pid};
    const Gva cred = first ? add_cred() : creds_.at(leader.value);
    set_cred(task, cred, cred);
    set_pid(task, add_pid(task, {pid}));
    if (first) {
      listed.push_back(task);
      children.push_back(task);
    }
    in_table.push_back(task);
    grouped.push_back(task);
    return task;
  }
  Gva add_cred() {
    const Gva cred = kernel.allocate(Cred::size);
    kernel.put(cred + Cred::usage, std::int32_t{2});
    return cred;
  }
  void set_cred(Gva task, Gva real, Gva acting) {
    kernel.put_pointer(task + Task::real_cred, real.value);
    kernel.put_pointer(task + Task::cred, acting.value);
    creds_[task.value] = real;
  }
  Gva cred(Gva task) const { return creds_.at(task.value); }
  /// A struct pid with these numbers, outermost first; of the first namespace, and `inner`.
  Gva add_pid(Gva task, const std::vector<std::int32_t>& numbers, Gva inner = Gva{0}) {
    const Gva pid = kernel.allocate(Pid::numbers + numbers.size() * Pid::number_size);
    kernel.put(pid + Pid::level, static_cast<std::uint32_t>(numbers.size() - 1));
    kernel.put_pointer(pid + Pid::tasks, (task + Task::pid_links).value);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      kernel.put(pid + (Pid::numbers + i * Pid::number_size), numbers[i]);
      kernel.put_pointer(pid + (Pid::numbers + i * Pid::number_size + 8),
                         (i == 0 ? first_pid_ns : inner).value);
    }
    return pid;
  }
  void set_pid(Gva task, Gva pid) {
    kernel.put_pointer(task + Task::thread_pid, pid.value);
    if (pid != Gva{0}) threads_.at(task.value).struct_pid = pid;
  }
  /// Puts a struct pid under `number` into the table of `space`.
  void into_table(Gva space, std::int32_t number, Gva pid) {
    auto& node = tables_[space.value];
    if (node == Gva{0}) {
      node = kernel.allocate(8 + 64 * 8);
      kernel.put_pointer(space + 8, node.value + 2);
    }
    kernel.put_pointer(node + (8 + 8 * static_cast<std::uint64_t>(number)), pid.value);
  }
  Gva add_pid_ns() { return kernel.allocate(32); }
  void take_out(std::vector<Gva>& from, Gva task) { std::erase(from, task); }

  /// Writes the lists.
  void finish() {
    put_list(init_task + Task::tasks, listed, Task::tasks);
    put_list(init_task + Task::children, children, Task::sibling);
    std::set<std::uint64_t> done;
    for (const auto& [address, thread] : threads_) {
      kernel.put_list(thread.task + Task::children, {});
      if (!done.insert(thread.signal.value).second) continue;
      std::vector<Gva> nodes;
      for (const auto& [other, one] : threads_)
        if (one.signal == thread.signal && !unthreaded.contains(other))
          nodes.push_back(one.task + Task::thread_node);
      kernel.put_list(thread.signal, nodes);
    }
    for (const Gva task : in_table)
      into_table(first_pid_ns, threads_.at(task.value).pid, threads_.at(task.value).struct_pid);
    const Gva set = kernel.allocate(64);
    kernel.put_pointer(css_sets_ + 8 * 5, set.value);
    put_list(set + 16, grouped, Task::cg_list);
    kernel.put_list(set + 32, {});
    kernel.put_list(set + 48, {});
    put_list(queue + Queue::cfs_tasks, queued, Task::group_node);
    for (std::uint32_t i = 0; i < Queue::priorities; ++i)
      put_list(queue + (Queue::rt + 16 * i), i == 1 ? real_time : std::vector<Gva>{}, Task::run_list);
  }

  FakeKernel kernel;
  Gva init_task, init_cred, first_pid_ns, queue, tasklist_lock;
  std::vector<Gva> listed, in_table, children, grouped, queued, real_time;
  std::set<std::uint64_t> unthreaded;  ///< threads that their process does not list

 private:
  struct Thread {
    Gva task, signal, struct_pid;
    std::int32_t pid = 0;
  };
  void put_list(Gva head, const std::vector<Gva>& tasks, std::uint32_t link) {
    std::vector<Gva> nodes;
    for (const Gva task : tasks) nodes.push_back(task + link);
    kernel.put_list(head, nodes);
  }
  void describe();

  std::map<std::uint64_t, Thread> threads_;
  std::map<std::uint64_t, Gva> creds_, tables_;
  Gva css_sets_;
};

inline void TaskViewWorld::describe() {
  auto& btf = kernel.btf_writer();
  const auto s32 = btf.integer("int", 4, true), u32 = btf.integer("unsigned int", 4),
             u64 = btf.integer("unsigned long", 8), u8 = btf.integer("unsigned char", 1);
  const auto add = [&](std::string_view name, std::uint32_t size, std::vector<BtfWriter::Member> members) {
    for (auto& member : members) member.bits *= 8;
    return btf.struct_(name, size, members);
  };
  const auto pointer = btf.pointer(0),
             list = add("list_head", 16, {{"next", pointer, 0}, {"prev", pointer, 8}}),
             node = add("hlist_node", 16, {{"next", pointer, 0}, {"pprev", pointer, 8}}),
             head = add("hlist_head", 8, {{"first", pointer, 0}}), comm = btf.array(u8, 16),
             links = btf.array(node, 1), heads = btf.array(head, 1);
  const auto se = add("sched_entity", 16, {{"group_node", list, 0}}),
             rt = add("sched_rt_entity", 16, {{"run_list", list, 0}});
  using T = Task;
  add("task_struct", T::size,
      {{"flags", u32, T::flags},
       {"__state", u32, T::state},
       {"exit_state", s32, T::exit_state},
       {"pid", s32, T::pid},
       {"tgid", s32, T::tgid},
       {"comm", comm, T::comm},
       {"tasks", list, T::tasks},
       {"thread_node", list, T::thread_node},
       {"signal", pointer, T::signal},
       {"mm", pointer, T::mm},
       {"files", pointer, T::files},
       {"fs", pointer, T::fs},
       {"nsproxy", pointer, T::nsproxy},
       {"cred", pointer, T::cred},
       {"real_cred", pointer, T::real_cred},
       {"thread_pid", pointer, T::thread_pid},
       {"pid_links", links, T::pid_links},
       {"children", list, T::children},
       {"sibling", list, T::sibling},
       {"cg_list", list, T::cg_list},
       {"se", se, T::group_node},
       {"rt", rt, T::run_list}});
  add("signal_struct", 16, {{"thread_head", list, 0}});
  const auto upid = add("upid", Pid::number_size, {{"nr", s32, 0}, {"ns", pointer, 8}}),
             numbers = btf.array(upid, 1);
  add("pid", Pid::numbers + Pid::number_size,
      {{"level", u32, Pid::level}, {"tasks", heads, Pid::tasks}, {"numbers", numbers, Pid::numbers}});
  btf.enum_("pid_type", {{"PIDTYPE_PID", 0}});
  const auto xarray = add("xarray", 8, {{"xa_head", pointer, 0}}), slots = btf.array(pointer, 64);
  add("xa_node", 8 + 64 * 8, {{"shift", u8, 0}, {"slots", slots, 8}});
  add("pid_namespace", 32, {{"idr", xarray, 8}});
  add("css_set", 64,
      {{"hlist", node, 0}, {"tasks", list, 16}, {"mg_tasks", list, 32}, {"dying_tasks", list, 48}});
  const auto queues = btf.array(list, Queue::priorities), active = add("", 64, {{"queue", queues, 0}}),
             rt_rq = add("rt_rq", 64, {{"active", active, 0}});
  add("rq", Queue::size,
      {{"curr", pointer, Queue::curr},
       {"idle", pointer, Queue::idle},
       {"cfs_tasks", list, Queue::cfs_tasks},
       {"rt", rt_rq, Queue::rt}});
  const auto qrwlock = add("qrwlock", 8, {{"wlocked", u8, 0}}),
             rwlock = add("", 8, {{"raw_lock", qrwlock, 0}});
  btf.typedef_("rwlock_t", rwlock);
  std::vector<BtfWriter::Member> cred = {{"usage", s32, Cred::usage}};
  std::uint32_t at = Cred::ids;
  for (const char* id : {"uid", "gid", "suid", "sgid", "euid", "egid", "fsuid", "fsgid", "securebits"}) {
    cred.push_back({id, u32, at});
    at += 4;
  }
  at = Cred::sets;
  for (const char* set : {"cap_inheritable", "cap_permitted", "cap_effective", "cap_bset", "cap_ambient"}) {
    cred.push_back({set, u64, at});
    at += 8;
  }
  cred.push_back({"user_ns", pointer, Cred::user_ns});
  add("cred", Cred::size, cred);
}

}  // namespace ringside::testing
