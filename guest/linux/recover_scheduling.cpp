// SPDX-License-Identifier: Apache-2.0
// struct task_struct: flags, state, priorities, exit, times.
#include "guest/linux/recovery.h"

#include <algorithm>

namespace ringside::guest::linux {
namespace {

using Offset = std::uint32_t;

// include/linux/sched.h
constexpr std::uint32_t kExiting = 0x4, kKernelThread = 0x200000;
constexpr std::uint32_t kIdleState = 0x402;  // TASK_IDLE: workers that wait
constexpr std::uint32_t kStateBits = 0x1ffff;
// include/uapi/linux/magic.h: at the far end of each task's stack.
constexpr std::uint32_t kStackEnd = 0x57ac6e9d;
constexpr std::uint32_t kChildDied = 17;  // SIGCHLD
constexpr std::uint32_t kFirstMembers = 128;

template <class Holds>
bool all_of(const Recovery& r, Holds&& holds) {
  return std::all_of(r.tasks.begin(), r.tasks.end(), holds);
}
template <class Holds>
bool any_of(const Recovery& r, Holds&& holds) {
  return std::any_of(r.tasks.begin(), r.tasks.end(), holds);
}

/// PF_KTHREAD in those without memory of their own, but for those that have given it up on their way out.
std::optional<Offset> find_flags(const Recovery& r) {
  return only_offset(0, std::min(kFirstMembers, r.tasks_at), [&](Offset at) {
    return (r.tasks[2].word(at) & kKernelThread) != 0 && all_of(r, [&](const SampledTask& task) {
             const std::uint32_t flags = task.word(at);
             if ((flags & kExiting) != 0) return true;
             return ((flags & kKernelThread) != 0) == (task.word(r.mm_at) == 0);
           });
  });
}

/// A stack starts at a multiple of its size, 8 KiB, with a mark (set_task_stack_end_magic()). Zombies have
/// none any more.
std::optional<Offset> find_stack(Recovery& r, Offset flags) {
  return only_offset(0, flags, [&](Offset at) {
    return all_of(r, [&](const SampledTask& task) {
      if (task.word(at) == 0) return (task.word(flags) & kExiting) != 0;
      return KernelPages::is_pointer(task.word(at), 8192) && r.memory.word(task.word(at)) == kStackEnd;
    });
  });
}

void find_state(Recovery& r, Offset stack) {
  const auto state = only_offset(0, stack, [&](Offset at) {
    return all_of(r, [&](const SampledTask& task) { return (task.word(at) & ~kStateBits) == 0; }) &&
           any_of(r, [&](const SampledTask& task) { return task.word(at) == kIdleState; });
  });
  const std::string_view name = r.release_is_at_least(5, 14) ? "__state" : "state";
  if (state)
    r.add_number("task_struct", name, *state, 4, !r.release_is_at_least(5, 14));
  else
    r.types.missing("task_struct." + std::string(name));
}

/// prio, static_prio, normal_prio, rt_priority: kernel/sched/core.c, __normal_prio().
void find_priorities(Recovery& r, Offset flags) {
  constexpr std::uint32_t kUsual = 120, kRealTime = 100, kLowest = 139;
  const auto prio = only_offset(flags + 4, r.tasks_at, [&](Offset at) {
    const bool consistent = all_of(r, [&](const SampledTask& task) {
      const std::uint32_t fixed = task.word(at + 4), normal = task.word(at + 8),
                          real_time = task.word(at + 12);
      if (fixed < kRealTime || fixed > kLowest || real_time >= kRealTime) return false;
      return normal == (real_time != 0 ? kRealTime - 1 - real_time : fixed) || normal == ~std::uint32_t{0};
    });
    return consistent && any_of(r, [&](const SampledTask& task) { return task.word(at + 12) != 0; }) &&
           any_of(r, [&](const SampledTask& task) { return task.word(at) == kUsual; });
  });
  if (!prio) {
    r.types.missing("task_struct.prio, static_prio, normal_prio, rt_priority, policy");
    return;
  }
  r.add_number("task_struct", "prio", *prio, 4, true);
  r.add_number("task_struct", "static_prio", *prio + 4, 4, true);
  r.add_number("task_struct", "normal_prio", *prio + 8, 4, true);
  r.add_number("task_struct", "rt_priority", *prio + 12);
  // SCHED_FIFO and SCHED_RR go with a real-time priority, the other policies with none.
  const auto policy = only_offset(*prio + 16, r.tasks_at, [&](Offset at) {
    return all_of(r, [&](const SampledTask& task) {
      const std::uint32_t value = task.word(at);
      return value <= 6 && (value == 1 || value == 2) == (task.word(*prio + 12) != 0);
    });
  });
  if (policy)
    r.add_number("task_struct", "policy", *policy);
  else
    r.types.missing("task_struct.policy");
}

/// exit_state, exit_code, exit_signal, pdeath_signal follow each other. Children die with SIGCHLD, but for
/// the first two tasks, which nobody cloned with a signal.
void find_exit(Recovery& r) {
  const auto signal = only_offset(r.mm_at + 16, r.pid_at, [&](Offset at) {
    std::size_t usual = 0;
    for (const auto& task : r.tasks) {
      const std::uint32_t number = task.word(at), state = task.word(at - 8);
      if (number > 64 || (state & ~0x30u) != 0) return false;
      usual += number == kChildDied ? 1 : 0;
    }
    return usual * 2 > r.tasks.size() && r.tasks[0].word(at) == 0 && r.tasks[2].word(at) == 0;
  });
  if (!signal) {
    r.types.missing("task_struct.exit_state, exit_code, exit_signal");
    return;
  }
  r.add_number("task_struct", "exit_state", *signal - 8, 4, true);
  r.add_number("task_struct", "exit_code", *signal - 4, 4, true);
  r.add_number("task_struct", "exit_signal", *signal, 4, true);
}

/// start_time and start_boottime: nanoseconds, read one after the other at fork, so they rise in the order of
/// the list, and their difference, the time the machine slept before, never shrinks by more than reading
/// takes.
void find_start(Recovery& r) {
  constexpr std::uint64_t kReading = 100'000'000;
  constexpr std::uint64_t kTenYears = 315'360'000ull * 1'000'000'000;
  const auto start = only_offset(r.group_leader_at + 4, r.comm_at, [&](Offset at) {
    std::uint64_t before = 0, before_boot = 0;
    for (std::size_t i = 1; i < r.tasks.size(); ++i) {
      const std::uint64_t since = r.tasks[i].number64(at), boot = r.tasks[i].number64(at + 8);
      if (since == 0 || boot > kTenYears || since < before || boot < before_boot || boot < since)
        return false;
      if (before != 0 && boot - since + kReading < before_boot - before) return false;
      before = since;
      before_boot = boot;
    }
    return before > r.tasks[1].number64(at);
  });
  if (!start) {
    r.types.missing("task_struct.start_time, start_boottime");
    return;
  }
  r.add_number("task_struct", "start_time", *start, 8);
  r.add_number("task_struct", "start_boottime", *start + 8, 8);
}

}  // namespace

void recover_scheduling(Recovery& r) {
  find_start(r);
  if (r.mm_at == 0) return;
  find_exit(r);
  const auto flags = find_flags(r);
  if (!flags) {
    r.types.missing("task_struct.flags, stack, state, prio");
    return;
  }
  r.add_number("task_struct", "flags", *flags);
  find_priorities(r, *flags);
  if (const auto stack = find_stack(r, *flags)) {
    r.add_pointer("task_struct", "stack", *stack);
    find_state(r, *stack);
  } else {
    r.types.missing("task_struct.stack, state");
  }
}

}  // namespace ringside::guest::linux
