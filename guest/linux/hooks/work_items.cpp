// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/execution.h"
#include "guest/linux/hooks/percpu.h"
#include "guest/linux/walkers.h"

#include <unordered_set>

namespace ringside::guest::linux {

namespace {

using Presence = ObjectReader::Presence;

constexpr std::uint64_t kMaxItems = 1u << 16;  // of one list
constexpr std::uint64_t kMaxPools = 1u << 16;

class WorkReader {
 public:
  WorkReader(Kernel& kernel, Hooks& into) : kernel_(kernel), into_(into), work_(kernel, "work_struct") {
    work_.add("func", {"func"});
  }
  std::optional<Error> problem() const { return work_.problem(); }
  void list(Gva head, const Hook& like) {
    each_in_list(
        kernel_, head, "work_struct", "entry", like.group, into_,
        [&](Gva at) {
          if (auto read = work_.read(at); !read) return into_.problem(read.error().within(like.group));
          work_.append(like, into_);
        },
        kMaxItems);
  }

 private:
  Kernel& kernel_;
  Hooks& into_;
  HookReader work_;
};

/// Pools: what waits, and what each worker runs right now.
void take_pools(Kernel& kernel, WorkReader& works, Hooks& into) {
  const auto pools = kernel.symbol("worker_pool_idr");
  const auto tree = kernel.field("idr", "idr_rt"), waiting = kernel.field("worker_pool", "worklist"),
             workers = kernel.field("worker_pool", "workers");
  HookReader worker(kernel, "worker");
  worker.add("current_func", {"current_func"});
  const auto name = worker.object().add("desc", Presence::optional);
  if (!pools) return into.problem(pools.error().within("work"));
  for (const auto* field : {&tree, &waiting, &workers})
    if (!*field) return into.problem(field->error().within("work"));
  if (worker.problem()) return into.problem(worker.problem()->within("work"));
  const auto walked = walk_xarray(kernel, *pools + tree->offset, kMaxPools, [&](std::uint64_t id, Gva pool) {
    Hook like;
    like.group = "worklist";
    like.number = static_cast<std::int64_t>(id);
    works.list(pool + waiting->offset, like);
    like.group = "worker";
    each_in_list(
        kernel, pool + workers->offset, "worker", "node", "workers", into,
        [&](Gva at) {
          if (auto read = worker.read(at); !read) return into.problem(read.error().within("workers"));
          Hook running = like;
          running.name = worker.object().text(name).value_or("");
          worker.append(std::move(running), into);
        },
        kMaxItems);
    return true;
  });
  if (!walked) into.problem(walked.error().within("pools of workers"));
}

/// Work queues: what waits until less of it runs.
void take_queues(Kernel& kernel, WorkReader& works, Hooks& into) {
  const auto queues = kernel.find_symbol("workqueues");
  if (!queues) return;
  const auto pools = kernel.field("workqueue_struct", "pwqs"),
             name = kernel.field("workqueue_struct", "name"),
             waiting = kernel.field_of("pool_workqueue", {"inactive_works", "delayed_works"});
  for (const auto* field : {&pools, &name, &waiting})
    if (!*field) return into.problem(field->error().within("work queues"));
  constexpr std::size_t kNameSize = 32;  // WQ_NAME_LEN; 24 before 6.9
  each_in_list(kernel, *queues, "workqueue_struct", "list", "work queues", into, [&](Gva queue) {
    Hook like;
    like.group = "inactive_works";
    like.name = text_at(kernel, queue + name->offset, kNameSize);
    each_in_list(kernel, queue + pools->offset, "pool_workqueue", "pwqs_node", "work queue " + like.name,
                 into, [&](Gva pool) { works.list(pool + waiting->offset, like); });
  });
}

/// Singly linked objects of each CPU: `head` leads to the first, `next` of each to the next.
void take_chain(Kernel& kernel, Hooks& into, std::string_view variable, HookReader& reader,
                ObjectReader::Member next) {
  if (reader.problem()) return into.problem(reader.problem()->within(std::string(variable)));
  each_cpu(kernel, variable, into, [&](Gva head, unsigned cpu) {
    auto at = kernel.read_pointer(head);
    std::unordered_set<std::uint64_t> seen;
    while (at && at->value != 0) {
      if (!seen.insert(at->value).second || seen.size() > kMaxItems)
        return into.problem({Errc::malformed, std::string(variable) + ": the list has no end"});
      if (auto read = reader.read(*at); !read)
        return into.problem(read.error().within(std::string(variable)));
      Hook like;
      like.group = variable;
      like.number = cpu;
      reader.append(std::move(like), into);
      at = reader.object().pointer(next).value_or(Gva{0});
    }
    if (!at) into.problem(at.error().within(std::string(variable)));
  });
}

}  // namespace

Result<Hooks> work_items(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  WorkReader works(kernel, hooks);
  if (works.problem()) return fail(works.problem()->within("work"));
  take_pools(kernel, works, hooks);
  take_queues(kernel, works, hooks);
  HookReader tasklet(kernel, "tasklet_struct");
  tasklet.add("func", {"func"});  // from 5.9 on in a union with `callback`
  const auto next = tasklet.object().add("next");
  for (const char* list : {"tasklet_vec", "tasklet_hi_vec"}) take_chain(kernel, hooks, list, tasklet, next);
  HookReader irq_work(kernel, "irq_work");
  irq_work.add("func", {"func"});
  const auto link = irq_work.object().add({"node.llist.next", "llnode.next"});
  for (const char* list : {"raised_list", "lazy_list"}) take_chain(kernel, hooks, list, irq_work, link);
  return hooks;
}

}  // namespace ringside::guest::linux
