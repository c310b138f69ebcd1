// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pid_reader.h"
#include "guest/linux/tasks.h"
#include "guest/linux/views/task_registers.h"
#include "guest/linux/walkers.h"

#include <string>

namespace ringside::guest::linux {

namespace {

/// Most namespaces whose tables are looked at. A kernel nests 32 deep, with any number side by side.
constexpr std::size_t kMaxNamespaces = 4096;
constexpr std::uint64_t kMaxPids = kMaxTasks;

class PidWalk {
 public:
  explicit PidWalk(Kernel& kernel) : kernel_(kernel), pids_(kernel) {}

  PidTables run() {
    const auto first = kernel_.find_symbol("init_pid_ns");
    if (!first) return std::move(tables_);
    tables_.tasks.exists();
    if (auto laid = lay_out(); !laid) {
      tables_.tasks.broken(laid.error().within("the table of pids"));
      return std::move(tables_);
    }
    walk(*first, tables_.tasks, true);
    // Those that the walk of the first one named; walking them names no others.
    for (auto& [space, view] : tables_.nested) walk(Gva{space}, view, false);
    return std::move(tables_);
  }

 private:
  Result<void> lay_out() {
    RINGSIDE_TRY(const Types* types, kernel_.types());
    const std::string index =
        "[" + std::to_string(types->enumerator("pid_type", "PIDTYPE_PID").value_or(0)) + "]";
    RINGSIDE_TRY(table_, types->field("pid_namespace", "idr"));
    RINGSIDE_TRY(tasks_, types->field("pid", "tasks" + index));
    RINGSIDE_TRY(link_, types->field("task_struct", "pid_links" + index));
    if (!pids_.missing().empty()) return fail(pids_.missing().front());
    return {};
  }

  void walk(Gva space, View& view, bool first) {
    view.exists();
    const auto walked =
        walk_xarray(kernel_, space + table_.offset, kMaxPids,
                    [&](std::uint64_t index, Gva pid) { return take(index, pid, view, first); });
    if (!walked) view.broken(walked.error().within("the table of pids"));
  }

  bool take(std::uint64_t index, Gva pid, View& view, bool first) {
    // A number that was given out for a process in the making has a value instead of a pointer.
    if ((pid.value & 1) != 0) return true;
    const auto node = kernel_.read_pointer(pid + tasks_.offset);
    if (!node) {
      view.broken(node.error().within("pid " + std::to_string(index)));
      return true;
    }
    // Without a task it belongs to a process group, a session, or a process in the making.
    if (*node == Gva{0}) return true;
    const Gva task{*node - Gva{link_.offset}};
    view.add(task);
    if (!first) return true;
    tables_.numbers[task.value] = static_cast<std::int32_t>(index);
    const auto numbers = pids_.read(pid);
    if (!numbers)
      view.broken(numbers.error());
    else if (*numbers && (*numbers)->level != 0 && tables_.nested.size() < kMaxNamespaces)
      tables_.nested[(*numbers)->name_space.value];
    return true;
  }

  Kernel& kernel_;
  PidReader pids_;
  Field table_, tasks_, link_;
  PidTables tables_;
};

}  // namespace

PidTables pid_tables(Kernel& kernel) {
  return PidWalk(kernel).run();
}

}  // namespace ringside::guest::linux
