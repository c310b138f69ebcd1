// SPDX-License-Identifier: Apache-2.0
// struct task_struct: who it is, the lists it is in, its family.
#include "guest/linux/recovery.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

namespace ringside::guest::linux {
namespace {

/// Bytes of a task_struct that are looked at: past `signal` in every configuration.
constexpr std::size_t kLookedAt = 2048;
constexpr std::size_t kMaxTasks = 64, kMinTasks = 3;
constexpr std::size_t kCommSize = 16;
constexpr std::uint32_t kMaxPid = 4u << 20;

using Offset = std::uint32_t;

std::optional<SampledTask> sample(KernelPages& memory, std::uint32_t address) {
  Bytes bytes(kLookedAt);
  if (!KernelPages::is_pointer(address) || !memory.read(address, bytes)) return std::nullopt;
  return SampledTask(address, std::move(bytes));
}

/// comm of init_task is "swapper" or "swapper/0" (init/init_task.c, kernel/sched/core.c), padded with NULs.
std::optional<Offset> find_comm(const SampledTask& init, KernelPages& memory) {
  return only_offset(0, kLookedAt - kCommSize, [&](Offset offset) {
    const auto text = memory.get<std::array<char, kCommSize>>(init.address() + offset);
    constexpr std::string_view kName = "swapper";
    if (!text || std::string_view(text->data(), kName.size()) != kName) return false;
    const std::string_view rest(text->data() + kName.size(), kCommSize - kName.size());
    return rest[0] == '\0' || rest.starts_with(std::string_view("/0\0", 3));
  });
}

bool has_name(KernelPages& memory, std::uint32_t task, Offset comm) {
  const auto name = memory.get<std::array<char, kCommSize>>(task + comm);
  if (!name || (*name)[0] == '\0') return false;
  return std::find(name->begin(), name->end(), '\0') != name->end();
}

/// Follows the list whose link stands at `link` in init_task: it must close or go on past kMaxTasks, with
/// each neighbour pointing back and each object named.
std::vector<std::uint32_t> follow(KernelPages& memory, std::uint32_t init, Offset link, Offset comm) {
  std::vector<std::uint32_t> found;
  const std::uint32_t head = init + link;
  std::uint32_t before = head;
  for (std::uint32_t at = memory.word(head); at != head && found.size() < kMaxTasks; at = memory.word(at)) {
    if (!KernelPages::is_pointer(at) || memory.word(at + 4) != before || !has_name(memory, at - link, comm))
      return {};
    found.push_back(at - link);
    before = at;
  }
  return found;
}

Result<void> find_list(Recovery& r, const SampledTask& init) {
  std::vector<std::uint32_t> members;
  const auto link = only_offset(0, r.comm_at, [&](Offset offset) {
    if (init.word(offset) == init.address() + offset) return false;
    auto found = follow(r.memory, init.address(), offset, r.comm_at);
    if (found.size() < kMinTasks) return false;
    members = std::move(found);
    return true;
  });
  if (!link)
    return fail(Errc::unavailable, "the list of tasks that starts at init_task could not be made out");
  r.tasks_at = *link;
  r.tasks.push_back(init);
  for (const std::uint32_t address : members)
    if (auto task = sample(r.memory, address)) r.tasks.push_back(std::move(*task));
  return {};
}

/// pid and tgid: 0 in init_task, then 1 and 2, all different. Only leaders of thread groups are in the list,
/// so both are equal.
Result<void> find_pids(Recovery& r) {
  const auto are_pids = [&](Offset offset) {
    std::set<std::uint32_t> all;
    for (const auto& task : r.tasks)
      if (task.word(offset) >= kMaxPid || !all.insert(task.word(offset)).second) return false;
    return r.tasks[0].word(offset) == 0 && r.tasks[1].word(offset) == 1 && r.tasks[2].word(offset) == 2;
  };
  const auto pid =
      only_offset(r.tasks_at, r.comm_at, [&](Offset at) { return are_pids(at) && are_pids(at + 4); });
  if (!pid) return fail(Errc::unavailable, "the pid of a task could not be made out");
  r.pid_at = *pid;
  r.add_number("task_struct", "pid", *pid, 4, true);
  r.add_number("task_struct", "tgid", *pid + 4, 4, true);
  return {};
}

void find_family(Recovery& r) {
  const std::uint32_t init = r.tasks[0].address();
  // Both parents of the first three are init_task; those of the others are tasks.
  const auto parents = only_offset(r.pid_at + 8, r.pid_at + 32, [&](Offset at) {
    for (std::size_t i = 0; i < 3; ++i)
      if (r.tasks[i].word(at) != init || r.tasks[i].word(at + 4) != init) return false;
    return std::all_of(r.tasks.begin(), r.tasks.end(), [&](const SampledTask& task) {
      return KernelPages::is_pointer(task.word(at)) && has_name(r.memory, task.word(at), r.comm_at);
    });
  });
  if (!parents) {
    r.types.missing("task_struct.real_parent, parent, children, sibling");
    return;
  }
  r.add_pointer("task_struct", "real_parent", *parents);
  r.add_pointer("task_struct", "parent", *parents + 4);

  // children of init_task leads to sibling of 1, that to sibling of 2.
  std::optional<std::pair<Offset, Offset>> lists;
  bool unique = true;
  for (Offset children = *parents + 8; children < *parents + 40; children += 4)
    for (Offset sibling = *parents + 8; sibling < *parents + 40; sibling += 4) {
      const std::uint32_t one = r.tasks[1].address() + sibling, two = r.tasks[2].address() + sibling;
      if (r.tasks[0].word(children) != one || r.tasks[1].word(sibling) != two) continue;
      if (r.tasks[1].word(sibling + 4) != init + children || r.tasks[2].word(sibling + 4) != one) continue;
      unique = unique && !lists;
      lists = {children, sibling};
    }
  if (!lists || !unique) {
    r.types.missing("task_struct.children, sibling");
    return;
  }
  r.add_list("task_struct", "children", lists->first);
  r.add_list("task_struct", "sibling", lists->second);
}

}  // namespace

Result<void> recover_tasks(Recovery& r) {
  const auto init = sample(r.memory, r.variable("init_task"));
  if (!init) return fail(Errc::unavailable, "init_task could not be found or read");
  const auto comm = find_comm(*init, r.memory);
  if (!comm) return fail(Errc::unavailable, "the name of init_task could not be found in it");
  r.comm_at = *comm;
  r.add_array("task_struct", "comm", *comm, kCommSize, 1);
  RINGSIDE_CHECK(find_list(r, *init));
  r.add_list("task_struct", "tasks", r.tasks_at);
  RINGSIDE_CHECK(find_pids(r));
  find_family(r);

  const auto leader = only_offset(r.pid_at + 8, r.comm_at, [&](Offset at) {
    return std::all_of(r.tasks.begin(), r.tasks.end(),
                       [&](const SampledTask& task) { return task.word(at) == task.address(); });
  });
  r.group_leader_at = leader.value_or(r.pid_at + 8);
  if (leader)
    r.add_pointer("task_struct", "group_leader", *leader);
  else
    r.types.missing("task_struct.group_leader");

  // The first two kernel tasks have no memory of their own, 1 has; who has one runs on it.
  const auto mm = only_offset(r.tasks_at + 8, r.pid_at, [&](Offset at) {
    const auto own = [&](std::size_t i) { return r.tasks[i].word(at); };
    if (own(0) != 0 || own(2) != 0 || !KernelPages::is_pointer(own(1))) return false;
    return std::all_of(r.tasks.begin(), r.tasks.end(), [&](const SampledTask& task) {
      return task.word(at) == 0 ||
             (KernelPages::is_pointer(task.word(at)) && task.word(at + 4) == task.word(at));
    });
  });
  if (mm) {
    r.mm_at = *mm;
    r.add_pointer("task_struct", "mm", *mm);
    r.add_pointer("task_struct", "active_mm", *mm + 4);
  } else {
    r.types.missing("task_struct.mm, active_mm");
  }
  return {};
}

}  // namespace ringside::guest::linux
