// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/init_memory.h"

#include "guest/linux/walkers.h"

namespace ringside::guest::linux {

namespace {

constexpr std::uint64_t kMaxPools = 1u << 16, kMaxWorkers = 1u << 16;
constexpr std::uint64_t kPending = 1;  // WORK_STRUCT_PENDING_BIT, include/linux/workqueue.h

/// A worker runs `function` (kernel/workqueue_internal.h).
Result<bool> some_worker_runs(Kernel& kernel, Gva function) {
  RINGSIDE_TRY(const Gva pools, kernel.symbol("worker_pool_idr"));
  RINGSIDE_TRY(const Field workers, kernel.field("worker_pool", "workers"));
  RINGSIDE_TRY(const Field link, kernel.field("worker", "node"));
  RINGSIDE_TRY(const Field current, kernel.field("worker", "current_func"));
  bool runs = false;
  std::optional<Error> unread;
  RINGSIDE_CHECK(walk_xarray(kernel, pools, kMaxPools, [&](std::uint64_t, Gva pool) {
    const auto walked = walk_list(kernel, pool + workers.offset, kMaxWorkers, [&](Gva node) {
      const auto what = kernel.read_pointer_field(Gva{node - Gva{link.offset}}, current);
      if (!what) unread = what.error();
      runs = runs || (what && *what == function);
      return !runs;
    });
    if (!walked) unread = walked.error();
    return !runs;
  }));
  if (unread && !runs) return fail(std::move(*unread));
  return runs;
}

Result<bool> frees(Kernel& kernel) {
  RINGSIDE_TRY(const Gva list, kernel.symbol("init_free_list"));
  RINGSIDE_TRY(const Gva work, kernel.symbol("init_free_wq"));
  RINGSIDE_TRY(const Gva function, kernel.symbol("do_free_init"));
  RINGSIDE_TRY(const Gva first, kernel.read_pointer(list));
  RINGSIDE_TRY(const Gva data, kernel.read_pointer(work));
  if (first != Gva{0} || (data.value & kPending) != 0) return true;
  return some_worker_runs(kernel, function);
}

}  // namespace

bool frees_init_memory(Kernel& kernel) {
  return frees(kernel).value_or(true);
}

}  // namespace ringside::guest::linux
