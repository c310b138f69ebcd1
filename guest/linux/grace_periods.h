// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/memory/physical_memory.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// One of RCU's counters. Two bits of `sequence` tell how far the grace period in progress is, 0: there is
/// none; those above count (kernel/rcu/rcu.h, RCU_SEQ_CTR_SHIFT). It begins shortly before it wraps.
struct GraceCounter {
  std::uint64_t sequence = 0;
  bool wanted = false;  ///< somebody has asked for a grace period that has not begun

  /// Nobody waits for a grace period. What is handed to RCU shows within a tick.
  bool at_rest() const { return (sequence & 3) == 0 && !wanted; }
};

/// How far a kernel is with the grace periods of RCU: what it takes off a list is freed after one at the
/// earliest.
struct GracePeriods {
  GraceCounter normal;     ///< rcu_state.gp_seq: synchronize_rcu(), call_rcu()
  GraceCounter expedited;  ///< rcu_state.expedited_sequence: synchronize_rcu_expedited()
  /// Those of RCU for tasks, where the kernel counts them (Linux 5.10 does not). That one is wanted shows
  /// once its thread has begun it (kernel/rcu/tasks.h, struct rcu_tasks).
  std::optional<GraceCounter> tasks{};  ///< rcu_tasks: what ftrace and BPF jump to is freed after one
  /// Sleepable programs of BPF are freed after one: rcu_tasks_trace, from Linux 7.0 on an SRCU structure
  /// (rcu_tasks_trace_srcu_struct, include/linux/srcutree.h).
  std::optional<GraceCounter> tasks_trace{};
};

/// How many grace periods have begun since `then` and had ended when the counter was `now`
/// (kernel/rcu/rcu.h, rcu_seq_snap and rcu_seq_done). 0 if it has gone back.
std::uint64_t whole_grace_periods(std::uint64_t then, std::uint64_t now);

/// As they are in `memory` at this moment, whatever the kernel's snapshot has read of it. Changes all the
/// time: no verdict is to depend on it, and nothing is noted in a read set but page tables. nullopt where
/// this kernel does not tell: without type information, with 32 bits (its counters wrap), not Linux.
std::optional<GracePeriods> grace_periods(Kernel& kernel, memory::PhysicalMemory& memory);

}  // namespace ringside::guest::linux
