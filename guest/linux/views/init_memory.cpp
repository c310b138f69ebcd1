// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/init_memory.h"

#include "guest/linux/modules.h"
#include "guest/linux/pointers.h"
#include "guest/linux/views/task_stack.h"
#include "guest/linux/walkers.h"

#include <set>

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxPools = 1u << 16, kMaxWorkers = 1u << 16;
constexpr std::uint64_t kPending = 1;  // WORK_STRUCT_PENDING_BIT, include/linux/workqueue.h

/// The tasks of the workers that run `function` (kernel/workqueue_internal.h).
Result<std::vector<Gva>> who_runs(Kernel& kernel, Gva function) {
  RINGSIDE_TRY(const Gva pools, kernel.symbol("worker_pool_idr"));
  RINGSIDE_TRY(const Field workers, kernel.field("worker_pool", "workers"));
  RINGSIDE_TRY(const Field link, kernel.field("worker", "node"));
  RINGSIDE_TRY(const Field current, kernel.field("worker", "current_func"));
  const auto task = kernel.field("worker", "task");
  std::vector<Gva> tasks;
  std::optional<Error> unread;
  RINGSIDE_CHECK(walk_xarray(kernel, pools, kMaxPools, [&](std::uint64_t, Gva pool) {
    const auto walked = walk_list(kernel, pool + workers.offset, kMaxWorkers, [&](Gva node) {
      const Gva worker{node - Gva{link.offset}};
      const auto what = kernel.read_pointer_field(worker, current);
      if (!what) unread = what.error();
      if (what && *what == function)
        tasks.push_back(task ? kernel.read_pointer_field(worker, *task).value_or(Gva{0}) : Gva{0});
      return true;
    });
    if (!walked) unread = walked.error();
    return true;
  }));
  if (unread && tasks.empty()) return fail(std::move(*unread));
  return tasks;
}

bool is_kernel_half(Kernel& kernel, Gva gva) {
  return gva.value >= (kernel.identity().bits == 64 ? std::uint64_t{1} << 63 : std::uint64_t{0xc0000000});
}

/// Takes the list that begins with `entry`; what is none is left at once: its first word must lead on, or be
/// the end.
void take_entries(Kernel& kernel, Gva entry, const Field& memory, std::set<std::uint64_t>& into) {
  while (entry != Gva{0} && into.size() < kMaxModules && !into.contains(entry.value)) {
    const auto next = kernel.read_pointer(entry);
    const auto first = kernel.read_pointer_field(entry, memory);
    if (!next || !first || *first == Gva{0} || first->value % kPageSize != 0) return;
    into.insert(entry.value);
    entry = *next;
  }
}

Result<bool> frees(Kernel& kernel) {
  RINGSIDE_TRY(const Gva list, kernel.symbol("init_free_list"));
  RINGSIDE_TRY(const Gva work, kernel.symbol("init_free_wq"));
  RINGSIDE_TRY(const Gva function, kernel.symbol("do_free_init"));
  RINGSIDE_TRY(const Gva first, kernel.read_pointer(list));
  RINGSIDE_TRY(const Gva data, kernel.read_pointer(work));
  if (first != Gva{0} || (data.value & kPending) != 0) return true;
  RINGSIDE_TRY(const auto workers, who_runs(kernel, function));
  return !workers.empty();
}

}  // namespace

bool frees_init_memory(Kernel& kernel) {
  return frees(kernel).value_or(true);
}

bool frees_init_memory_now(Kernel& kernel) {
  const auto function = kernel.find_symbol("do_free_init");
  const auto workers = function ? who_runs(kernel, *function) : std::vector<Gva>{};
  return workers && !workers->empty();
}

std::vector<Gva> init_memory_to_free(Kernel& kernel) {
  std::set<std::uint64_t> entries;
  const auto list = kernel.find_symbol("init_free_list"), function = kernel.find_symbol("do_free_init");
  const auto memory = kernel.field_of("mod_initfree", {"init_text", "module_init"});
  if (!list || !memory) return {};
  if (const auto first = kernel.read_pointer(*list)) take_entries(kernel, *first, *memory, entries);
  const auto workers = function ? who_runs(kernel, *function) : std::vector<Gva>{};
  for (const Gva task : workers.value_or(std::vector<Gva>{})) {
    const auto stack = stack_in_use(kernel, task);
    if (!stack) continue;
    const unsigned width = kernel.pointer_size();
    for (std::size_t i = 0; i < stack->size() / width; ++i)
      if (const Gva word = pointer_in(*stack, i, width); is_kernel_half(kernel, word))
        take_entries(kernel, word, *memory, entries);
  }
  std::vector<Gva> all;
  for (const std::uint64_t entry : entries) all.emplace_back(entry);
  return all;
}

}  // namespace ringside::guest::linux
