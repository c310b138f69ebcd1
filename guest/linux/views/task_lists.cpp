// SPDX-License-Identifier: Apache-2.0
// Families and control groups: tasks that hang in lists of other objects.
#include "guest/linux/hash_buckets.h"
#include "guest/linux/tasks.h"
#include "guest/linux/views/task_registers.h"
#include "guest/linux/walkers.h"

#include <string>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kCssSetBuckets = 128;  // CSS_SET_HASH_BITS, kernel/cgroup/cgroup.c
constexpr std::uint64_t kMaxCssSets = 1u << 16;

Result<void> take_css_sets(Kernel& kernel, Gva table, View& view) {
  RINGSIDE_TRY(const Field hook, kernel.field("css_set", "hlist"));
  RINGSIDE_TRY(const Field link, kernel.field("task_struct", "cg_list"));
  std::vector<Field> lists;
  for (const char* name : {"tasks", "mg_tasks", "dying_tasks"}) {
    RINGSIDE_TRY(const Field list, kernel.field("css_set", name));
    lists.push_back(list);
  }
  std::uint64_t left = kMaxTasks;
  const auto of_set = [&](Gva set) {
    for (const Field& list : lists) {
      const auto walked = walk_list(kernel, set + list.offset, left, [&](Gva node) {
        view.add(Gva{node - Gva{link.offset}});
        return --left != 0;
      });
      if (!walked) view.broken(walked.error().within("tasks of control groups"));
    }
    return left != 0;
  };
  walk_buckets(
      kernel, {table, kCssSetBuckets, kernel.pointer_size(), 0}, kMaxCssSets,
      [&](Gva node) { return of_set(Gva{node - Gva{hook.offset}}); },
      [&](Error error) { view.broken(error.within("css_sets")); });
  if (left == 0) return fail(Errc::out_of_bounds, "more than " + std::to_string(kMaxTasks) + " tasks");
  return {};
}

Result<void> take_children(Kernel& kernel, const std::vector<Gva>& parents, View& view) {
  RINGSIDE_TRY(const Field head, kernel.field("task_struct", "children"));
  RINGSIDE_TRY(const Field link, kernel.field("task_struct", "sibling"));
  std::uint64_t left = kMaxTasks;
  for (const Gva parent : parents) {
    const auto walked = walk_list(kernel, parent + head.offset, left, [&](Gva node) {
      view.add(Gva{node - Gva{link.offset}});
      return --left != 0;
    });
    if (!walked) view.broken(walked.error().within("the children of a task"));
    if (left == 0) return fail(Errc::out_of_bounds, "more than " + std::to_string(kMaxTasks) + " children");
  }
  return {};
}

}  // namespace

View control_group_tasks(Kernel& kernel) {
  View view;
  const auto table = kernel.find_symbol("css_set_table");
  if (!table) return view;
  view.exists();
  if (auto done = take_css_sets(kernel, *table, view); !done)
    view.broken(done.error().within("tasks of control groups"));
  return view;
}

View children_of(Kernel& kernel, const std::vector<Gva>& parents) {
  View view;
  view.exists();
  if (auto done = take_children(kernel, parents, view); !done)
    view.broken(done.error().within("the children of tasks"));
  return view;
}

}  // namespace ringside::guest::linux
