// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/task_reader.h"

#include "guest/linux/task_state.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

using P = TaskParts;
using Presence = ObjectReader::Presence;

constexpr std::int32_t kMaxRtPriority = 100;  // MAX_RT_PRIO, include/linux/sched/prio.h
constexpr std::int32_t kDefaultPriority = 120;

std::int32_t as_pid(std::optional<std::uint32_t> value) {
  return static_cast<std::int32_t>(value.value_or(0));
}

}  // namespace

TaskReader::TaskReader(Kernel& kernel, TaskParts parts)
    : kernel_(kernel),
      parts_(parts),
      identity_(kernel, "task_struct"),
      reader_(kernel, "task_struct"),
      pid_(identity_.add("pid")),
      tgid_(identity_.add("tgid")),
      all_pid_(reader_.add("pid")),
      all_tgid_(reader_.add("tgid")),
      comm_(reader_.add("comm")),
      flags_(reader_.add("flags")) {
  add_members();
}

void TaskReader::add_members() {
  if (has(parts_, P::pointers)) {
    mm_ = reader_.add("mm");
    files_ = reader_.add("files");
    fs_ = reader_.add("fs");
    cred_ = reader_.add("cred");
  }
  if (has(parts_, P::pointers | P::namespaces)) nsproxy_ = reader_.add("nsproxy");
  if (has(parts_, P::pointers | P::group)) signal_ = reader_.add("signal");
  if (has(parts_, P::pointers | P::credentials | P::groups | P::namespaces))
    real_cred_ = reader_.add("real_cred");
  if (has(parts_, P::state)) {
    state_ = reader_.add({"__state", "state"});
    exit_state_ = reader_.add("exit_state");
  }
  if (has(parts_, P::schedule)) {
    priority_ = reader_.add("prio");
    static_priority_ = reader_.add("static_prio");
    policy_ = reader_.add("policy");
    // A kernel for one processor keeps none.
    cpu_ = reader_.add({"thread_info.cpu", "cpu"}, Presence::optional);
  }
  if (has(parts_, P::parent)) parent_ = reader_.add("real_parent");
  if (has(parts_, P::start)) start_ = reader_.add({"start_boottime", "real_start_time"});
  if (has(parts_, P::namespaces | P::own_pid)) thread_pid_ = reader_.add("thread_pid");
  if (has(parts_, P::namespaces | P::own_pid | P::group)) pids_.emplace(kernel_);
  if (has(parts_, P::credentials | P::groups | P::namespaces))
    credentials_.emplace(kernel_, has(parts_, P::groups));
  if (has(parts_, P::namespaces)) namespaces_.emplace(kernel_);
  if (has(parts_, P::group)) groups_.emplace(kernel_, *pids_);
  if (has(parts_, P::name | P::thread_function)) {
    kthread_ = reader_.add({"worker_private", "set_child_tid"});
    kernel_threads_.emplace(kernel_, has(parts_, P::name));
  }
}

Result<void> TaskReader::usable() const {
  if (!identity_.missing().empty()) return fail(identity_.missing().front());
  return {};
}

std::vector<Error> TaskReader::missing() const {
  std::vector<Error> all;
  const auto take = [&](const std::vector<Error>& some) {
    for (const Error& error : some)
      if (std::none_of(all.begin(), all.end(), [&](const Error& e) { return e.message == error.message; }))
        all.push_back(error);
  };
  take(reader_.missing());
  if (pids_) take(pids_->missing());
  if (credentials_) take(credentials_->missing());
  if (namespaces_) take(namespaces_->missing());
  if (groups_) take(groups_->missing());
  if (kernel_threads_) take(kernel_threads_->missing());
  return all;
}

Result<Task> TaskReader::identify(Gva address) {
  RINGSIDE_CHECK(identity_.read(address));
  Task task;
  task.address = address;
  task.pid = as_pid(identity_.u32(pid_));
  task.tgid = as_pid(identity_.u32(tgid_));
  return task;
}

Result<std::int32_t> TaskReader::tgid_of(Gva address) {
  if (const auto found = parents_.find(address.value); found != parents_.end()) return found->second;
  RINGSIDE_TRY(const Task task, identify(address));
  return parents_[address.value] = task.tgid;
}

void TaskReader::take_members(Task& task) const {
  task.pid = as_pid(reader_.u32(all_pid_));
  task.tgid = as_pid(reader_.u32(all_tgid_));
  task.comm = reader_.text(comm_).value_or("");
  task.flags = reader_.u32(flags_).value_or(0);
  task.mm = reader_.pointer(mm_);
  task.files = reader_.pointer(files_);
  task.fs = reader_.pointer(fs_);
  task.nsproxy = reader_.pointer(nsproxy_);
  task.signal = reader_.pointer(signal_);
  task.cred = reader_.pointer(cred_);
  task.real_cred = reader_.pointer(real_cred_);
  task.state_bits = reader_.u32(state_);
  task.exit_state = reader_.u32(exit_state_);
  if (task.state_bits && task.exit_state)
    task.state = task_state_letter(*task.state_bits, *task.exit_state, kernel_.identity().major,
                                   kernel_.identity().minor);
  task.policy = reader_.u32(policy_);
  task.cpu = reader_.u32(cpu_);
  task.start_boottime = reader_.integer(start_);
  if (const auto priority = reader_.u32(priority_))
    task.priority = static_cast<std::int32_t>(*priority - kMaxRtPriority);
  if (const auto priority = reader_.u32(static_priority_))
    task.nice = static_cast<std::int32_t>(*priority - kDefaultPriority);
}

void TaskReader::take_credentials(Task& task, const Problem& problem) {
  Gva user_ns{0}, pid_ns{0};
  if (credentials_ && task.real_cred && *task.real_cred != Gva{0}) {
    auto credentials = credentials_->read(*task.real_cred);
    if (credentials) {
      user_ns = credentials->user_namespace;
      task.credentials = *credentials;
    } else {
      problem(std::move(credentials).error());
    }
  }
  if (const auto address = reader_.pointer(thread_pid_); pids_ && address) {
    const auto numbers = pids_->read(*address);
    if (!numbers)
      problem(numbers.error());
    else if (*numbers) {
      pid_ns = (*numbers)->name_space;
      task.own_pid = (*numbers)->innermost;
      task.pid_level = (*numbers)->level;
    }
  }
  if (!namespaces_) return;
  auto namespaces = namespaces_->read(task.nsproxy.value_or(Gva{0}), pid_ns, user_ns);
  if (namespaces)
    task.namespaces = *namespaces;
  else
    problem(std::move(namespaces).error());
}

void TaskReader::take_relatives(Task& task, const Problem& problem) {
  if (const auto parent = reader_.pointer(parent_)) {
    if (const auto tgid = tgid_of(*parent))
      task.ppid = *tgid;
    else
      problem(tgid.error().within("its parent"));
  }
  if (!groups_ || !task.signal || *task.signal == Gva{0}) return;
  auto group = groups_->read(*task.signal);
  if (group)
    task.group = std::move(*group);
  else
    problem(std::move(group).error());
}

void TaskReader::take_kernel_thread(Task& task, const Problem& problem) {
  if (!kernel_threads_) return;
  if (!task.kernel_thread()) {
    if (has(parts_, P::name)) task.name = task.comm;
    return;
  }
  const auto kthread = reader_.pointer(kthread_);
  if (!kthread) return;
  auto thread = kernel_threads_->read(*kthread, task.comm, task.flags);
  if (!thread) return problem(std::move(thread).error());
  task.thread_function = thread->function;
  if (has(parts_, P::name)) task.name = std::move(thread->name);
}

Result<Task> TaskReader::read(Gva address, const Problem& problem) {
  RINGSIDE_CHECK(reader_.read(address));
  Task task;
  task.address = address;
  take_members(task);
  const Problem named = [&](Error error) { problem(error.within("task " + std::to_string(task.pid))); };
  take_credentials(task, named);
  take_relatives(task, named);
  take_kernel_thread(task, named);
  return task;
}

}  // namespace ringside::guest::linux
