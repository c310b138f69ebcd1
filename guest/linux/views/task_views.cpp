// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/task_views.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/pid_reader.h"
#include "guest/linux/task_reader.h"
#include "guest/linux/views/held_locks.h"
#include "guest/linux/views/task_registers.h"

#include <algorithm>
#include <string>
#include <unordered_set>

namespace ringside::guest::linux {

namespace {

constexpr auto kParts = TaskParts::pointers | TaskParts::state;
// include/linux/sched.h
constexpr std::uint32_t kTaskNew = 0x800, kExiting = 0x4;

class Collector {
 public:
  explicit Collector(Kernel& kernel)
      : kernel_(kernel),
        reader_(kernel, kParts),
        pids_(kernel),
        details_(kernel, "task_struct"),
        thread_pid_(details_.add("thread_pid")) {}

  Listing<TaskView> run() {
    auto list = threads(kernel_, {kParts, {}});
    listed_.exists();
    for (Error& error : list.problems) listed_.broken(std::move(error));
    for (const Task& task : list.entries) listed_.add(task.address);
    tables_ = pid_tables(kernel_);
    groups_ = control_group_tasks(kernel_);
    queues_ = run_queues(kernel_);
    list_changes_ = write_locked(kernel_, "tasklist_lock");
    groups_change_ = spin_locked(kernel_, "css_set_lock");
    for (const Gva idle : queues_.idle) idle_.insert(idle.value);
    if (const auto first = kernel_.find_symbol("init_task")) idle_.insert(first->value);

    for (Task& task : list.entries)
      if (listed_.problems().empty() || has_its_pid(task)) add(std::move(task));
    add_all(tables_.tasks);
    for (const auto& [space, view] : tables_.nested) add_all(view);
    add_all(groups_);
    for (const Gva task : queues_.tasks) add(task, false);
    children_ = children_of(kernel_, parents());
    add_all(children_);
    for (TaskView& view : listing_.entries) fill(view);
    report();
    return std::move(listing_);
  }

 private:
  /// What a torn list leads to may be no task at all.
  void add_all(const View& view) {
    std::vector<std::uint64_t> all(view.objects().begin(), view.objects().end());
    std::ranges::sort(all);
    for (const std::uint64_t task : all) add(Gva{task}, view.problems().empty());
  }

  void add(Task task) {
    if (!seen_.insert(task.address.value).second) return;
    TaskView view;
    view.task = std::move(task);
    listing_.entries.push_back(std::move(view));
  }
  /// One that the list does not show. Not `sure`: it counts only if it is a task by all appearances. None but
  /// the first stands in the kernel's image.
  void add(Gva address, bool sure) {
    if (seen_.contains(address.value) || idle_.contains(address.value) || seen_.size() >= kMaxTasks) return;
    if (kernel_.identity().image.contains(address)) return;
    const auto problem = [&](Error error) {
      if (sure) listing_.problem(std::move(error));
    };
    auto task = reader_.read(address, problem);
    if (!task) {
      problem(task.error().within("the task at " + to_string(address)));
      return;
    }
    if (sure || has_its_pid(*task)) add(std::move(*task));
  }
  bool has_its_pid(const Task& task) {
    if (task.pid <= 0 || !details_.read(task.address)) return false;
    const auto numbers = pids_.read(details_.pointer(thread_pid_).value_or(Gva{0}));
    return numbers && *numbers && (*numbers)->outermost == task.pid;
  }

  /// Those that have children: any thread can.
  std::vector<Gva> parents() const {
    std::vector<Gva> all;
    if (const auto first = kernel_.find_symbol("init_task")) all.push_back(*first);
    for (const TaskView& view : listing_.entries) all.push_back(view.task.address);
    return all;
  }

  void fill(TaskView& view) {
    const Gva at = view.task.address;
    view.listed = listed_.holds(at);
    view.pid_table = tables_.tasks.holds(at);
    if (const auto number = tables_.numbers.find(at.value); number != tables_.numbers.end())
      view.pid_in_table = number->second;
    if (view.task.pid == view.task.tgid) view.child = children_.holds(at);
    view.control_group = groups_.holds(at);
    if (view.control_group == false && has_left_group(view.task)) view.control_group = std::nullopt;
    view.run_queue = std::ranges::find(queues_.tasks, at) != queues_.tasks.end();
    fill_own_pid(view);
    if (list_changes_ && differs(view)) view.in_flight = true;
    view.hidden = !view.in_flight && (differs(view) || (view.control_group == false && !groups_change_));
  }
  /// A task leaves its control group while it ends, after its files and before it is a zombie (kernel/exit.c,
  /// do_exit); up to 6.6 it moved to a list of those that are dying.
  static bool has_left_group(const Task& task) {
    return task.exit_state.value_or(0) != 0 || ((task.flags & kExiting) != 0 && task.files == Gva{0});
  }
  static bool is_past_end(const Task& task) {
    return task.exit_state.value_or(0) != 0 && task.mm == Gva{0} && task.files == Gva{0};
  }
  static bool differs(const TaskView& view) {
    return missing_in_any({view.listed, view.pid_table, view.own_pid_table, view.child});
  }

  /// From its struct pid: whether it has one, and the table of its own namespace.
  void fill_own_pid(TaskView& view) {
    if (auto read = details_.read(view.task.address); !read) {
      listing_.problem(read.error().within("thread " + std::to_string(view.task.pid)));
      return;
    }
    const auto pid = details_.pointer(thread_pid_);
    // A thread is without its pid from the moment it is taken out of the first list on (kernel/exit.c,
    // __unhash_process), and new until it may run for the first time (kernel/fork.c, wake_up_new_task). One
    // that is past its end may be reaped at any moment; it has given up memory and files before (do_exit).
    view.in_flight =
        pid == Gva{0} || (view.task.state_bits.value_or(0) & kTaskNew) != 0 || is_past_end(view.task);
    const auto numbers = pids_.read(pid.value_or(Gva{0}));
    if (!numbers || !*numbers || (*numbers)->level == 0) return;
    const auto table = tables_.nested.find((*numbers)->name_space.value);
    if (table != tables_.nested.end()) view.own_pid_table = table->second.holds(view.task.address);
  }

  void report() {
    const auto tell = [&](const View& view) {
      for (const Error& error : view.problems()) listing_.problem(error);
    };
    for (const View* view : {&listed_, &tables_.tasks, &groups_, &children_}) tell(*view);
    for (const auto& [space, view] : tables_.nested) tell(view);
    for (const Error& error : queues_.problems) listing_.problem(error);
  }

  Kernel& kernel_;
  TaskReader reader_;
  PidReader pids_;
  ObjectReader details_;
  ObjectReader::Member thread_pid_;
  Listing<TaskView> listing_;
  View listed_, groups_, children_;
  PidTables tables_;
  RunQueues queues_;
  bool list_changes_ = false, groups_change_ = false;
  std::unordered_set<std::uint64_t> seen_, idle_;
};

}  // namespace

Listing<TaskView> task_views(Kernel& kernel) {
  return Collector(kernel).run();
}

}  // namespace ringside::guest::linux
