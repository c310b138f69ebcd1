// SPDX-License-Identifier: Apache-2.0
// struct signal_struct, which the threads of a process share, and struct pid.
#include "guest/linux/recovery.h"

#include <algorithm>

namespace ringside::guest::linux {
namespace {

using Offset = std::uint32_t;

constexpr Offset kAfterComm = 256;
constexpr std::uint32_t kMaxThreads = 4096;

/// Threads on the list from `head` whose links stand at `node` in each; nullopt if it is none.
std::optional<std::uint32_t> count_threads(Recovery& r, std::uint32_t head, Offset node, std::uint32_t tgid) {
  std::uint32_t count = 0, before = head;
  for (std::uint32_t at = r.memory.word(head); at != head; at = r.memory.word(at)) {
    if (!KernelPages::is_pointer(at) || r.memory.word(at + 4) != before || ++count > kMaxThreads)
      return std::nullopt;
    if (r.memory.word(at - node + r.pid_at + 4) != tgid) return std::nullopt;
    before = at;
  }
  return count;
}

/// signal->thread_head and thread_node: one list through all threads of a process. nr_threads, the third
/// member of signal_struct, counts them.
void find_threads(Recovery& r) {
  struct Place {
    Offset signal, head, node;
  };
  std::optional<Place> found;
  bool unique = true;
  const auto fits = [&](const Place& place) {
    return std::all_of(r.tasks.begin() + 1, r.tasks.end(), [&](const SampledTask& task) {
      const std::uint32_t signal = task.word(place.signal);
      if (!KernelPages::is_pointer(signal)) return false;
      const auto threads = count_threads(r, signal + place.head, place.node, task.word(r.pid_at));
      return threads && *threads != 0 && r.memory.word(signal + 8) == *threads;
    });
  };
  // A process of one thread: its node lies between the two pointers of the head. 1 and 2 are such in most
  // guests; whoever is gives the places to try.
  for (Offset node = r.group_leader_at + 4; node < r.comm_at; node += 4)
    for (const auto& task : r.tasks) {
      const std::uint32_t head = task.word(node), own = task.address() + node;
      if (&task == &r.tasks[0] || head == own || head != task.word(node + 4) || r.memory.word(head) != own ||
          r.memory.word(head + 4) != own)
        continue;
      for (Offset signal = r.comm_at + 16; signal < r.comm_at + kAfterComm; signal += 4) {
        const std::uint32_t inside = head - task.word(signal);
        if (inside < 12 || inside > 32 || !fits({signal, inside, node})) continue;
        unique = unique && !found;
        found = {signal, inside, node};
      }
      break;
    }
  if (!found || !unique) {
    r.types.missing("task_struct.signal, thread_node and struct signal_struct");
    return;
  }
  r.signal_at = found->signal;
  r.add_pointer("task_struct", "signal", found->signal);
  r.add_list("task_struct", "thread_node", found->node);
  r.add_list("signal_struct", "thread_head", found->head);
  r.add_number("signal_struct", "sigcnt", 0, 4, true);
  r.add_number("signal_struct", "live", 4, 4, true);
  r.add_number("signal_struct", "nr_threads", 8, 4, true);

  // thread_group stands before it: the same threads in a list without a head.
  const Offset group = found->node - 8;
  const bool fit = std::all_of(r.tasks.begin() + 1, r.tasks.end(), [&](const SampledTask& task) {
    const std::uint32_t own = task.address() + group;
    const auto others = count_threads(r, own, group, task.word(r.pid_at));
    return others && *others + 1 == r.memory.word(task.word(found->signal) + 8);
  });
  if (fit)
    r.add_list("task_struct", "thread_group", group);
  else
    r.types.missing("task_struct.thread_group");
}

/// thread_pid leads to struct pid, which ends in pairs {number, namespace} of which the first is that of
/// init_pid_ns.
void find_pid(Recovery& r) {
  constexpr Offset kPidSize = 96;
  const std::uint32_t first_namespace = r.variable("init_pid_ns");
  std::optional<std::pair<Offset, Offset>> found;
  bool unique = first_namespace != 0;
  for (Offset thread_pid = r.group_leader_at + 4; thread_pid < r.comm_at; thread_pid += 4)
    for (Offset numbers = 8; numbers < kPidSize; numbers += 4) {
      const bool fits = std::all_of(r.tasks.begin(), r.tasks.end(), [&](const SampledTask& task) {
        const std::uint32_t pid = task.word(thread_pid);
        return KernelPages::is_pointer(pid) && r.memory.word(pid + numbers + 4) == first_namespace &&
               r.memory.get<std::uint32_t>(pid + numbers) == task.word(r.pid_at);
      });
      if (!fits) continue;
      unique = unique && !found;
      found = {thread_pid, numbers};
    }
  if (!found || !unique) {
    r.types.missing("task_struct.thread_pid and struct pid");
    return;
  }
  r.add_pointer("task_struct", "thread_pid", found->first);
  r.add_number("pid", "count", 0, 4, true);
  r.add_number("pid", "level", 4);
  Field numbers;
  numbers.offset = found->second;
  numbers.size = numbers.element_size = 8;
  numbers.count = 1;
  r.types.add("pid", "numbers", numbers, "upid");
  r.add_number("upid", "nr", 0, 4, true);
  r.add_pointer("upid", "ns", 4);
  r.types.add_size("upid", 8);
}

}  // namespace

void recover_process_groups(Recovery& r) {
  find_threads(r);
  find_pid(r);
}

}  // namespace ringside::guest::linux
