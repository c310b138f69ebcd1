// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pointers.h"
#include "guest/linux/views/task_registers.h"

#include <algorithm>

namespace ringside::guest::linux {

namespace {

/// Tasks of one queue of one CPU that are looked at.
constexpr std::size_t kMaxQueued = 4096;
constexpr std::uint32_t kMaxPriorities = 256;  // MAX_RT_PRIO is 100

class QueueReader {
 public:
  explicit QueueReader(Kernel& kernel) : kernel_(kernel) {}

  Result<void> lay_out() {
    RINGSIDE_TRY(current_, kernel_.field("rq", "curr"));
    RINGSIDE_TRY(idle_, kernel_.field("rq", "idle"));
    // A kernel for one processor keeps no list of what is queued, only its tree.
    if (auto list = kernel_.field("rq", "cfs_tasks")) fair_ = *list;
    RINGSIDE_TRY(fair_link_, kernel_.field("task_struct", "se.group_node"));
    RINGSIDE_TRY(real_time_, kernel_.field("rq", "rt.active.queue"));
    RINGSIDE_TRY(real_time_link_, kernel_.field("task_struct", "rt.run_list"));
    // An entity may stand for a group of tasks, where groups have queues of their own.
    if (auto group = kernel_.field("task_struct", "rt.my_q")) real_time_group_ = *group;
    return {};
  }

  Result<void> read(Gva queue, RunQueues& into) {
    RINGSIDE_TRY(const Gva current, kernel_.read_pointer_field(queue, current_));
    RINGSIDE_TRY(const Gva idle, kernel_.read_pointer_field(queue, idle_));
    into.tasks.push_back(current);
    into.idle.push_back(idle);
    if (fair_) follow(queue + fair_->offset, fair_link_.offset, into);
    const std::uint32_t priorities = std::min(real_time_.count, kMaxPriorities);
    if (!real_time_group_)
      for (std::uint32_t i = 0; i < priorities; ++i)
        follow(queue + (real_time_.offset + std::uint64_t{i} * real_time_.element_size),
               real_time_link_.offset, into);
    return {};
  }

 private:
  void follow(Gva head, std::uint64_t link, RunQueues& into) {
    auto at = kernel_.read_pointer(head);
    Gva before = head;
    for (std::size_t count = 0; at && *at != head && count < kMaxQueued; ++count) {
      const auto links = read_pointers<2>(kernel_, *at);
      if (!links || (*links)[1] != before) return;
      into.tasks.push_back(Gva{*at - Gva{link}});
      before = *at;
      at = (*links)[0];
    }
  }

  Kernel& kernel_;
  Field current_, idle_, fair_link_, real_time_, real_time_link_;
  std::optional<Field> fair_, real_time_group_;
};

}  // namespace

RunQueues run_queues(Kernel& kernel) {
  RunQueues queues;
  if (!kernel.find_symbol("runqueues")) return queues;
  const auto broken = [&](const Error& error) { queues.problems.push_back(error.within("run queues")); };
  QueueReader reader(kernel);
  const auto laid = reader.lay_out();
  if (!laid) return broken(laid.error()), queues;
  const auto cpus = kernel.per_cpu_offsets();
  if (!cpus) return broken(cpus.error()), queues;
  for (unsigned cpu = 0; cpu < cpus->size(); ++cpu) {
    const auto queue = kernel.per_cpu("runqueues", cpu);
    const auto read = queue ? reader.read(*queue, queues) : Result<void>(fail(queue.error()));
    if (!read && queues.problems.size() < 4) broken(read.error());
  }
  return queues;
}

}  // namespace ringside::guest::linux
