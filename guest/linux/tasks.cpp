// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/tasks.h"

#include "guest/linux/task_reader.h"
#include "guest/linux/walkers.h"

#include <unordered_set>
#include <vector>

namespace ringside::guest::linux {

namespace {

/// The first thread of each process that `query` asks for.
std::vector<Task> leaders(Kernel& kernel, TaskReader& reader, const TaskQuery& query,
                          Listing<Task>& listing) {
  std::vector<Task> found;
  const auto usable = reader.usable();
  if (!usable) return listing.problem(usable.error()), found;
  const auto first = kernel.symbol("init_task");
  if (!first) return listing.problem(first.error()), found;
  const auto link = kernel.field("task_struct", "tasks");
  if (!link) return listing.problem(link.error()), found;
  const auto walked = walk_list(kernel, *first + link->offset, kMaxTasks, [&](Gva node) {
    auto task = reader.identify(Gva{node - Gva{link->offset}});
    if (!task)
      listing.problem(std::move(task).error().within("a task"));
    else if (task->pid != 0 && (!query.tgid || task->tgid == *query.tgid))
      found.push_back(std::move(*task));
    return true;
  });
  if (!walked) listing.problem(walked.error().within("the list of processes"));
  return found;
}

/// How the threads of one process hang together.
struct ThreadLinks {
  Field signal, head, node;
};
Result<ThreadLinks> thread_links(Kernel& kernel) {
  ThreadLinks links;
  RINGSIDE_TRY(links.signal, kernel.field("task_struct", "signal"));
  RINGSIDE_TRY(links.head, kernel.field("signal_struct", "thread_head"));
  RINGSIDE_TRY(links.node, kernel.field("task_struct", "thread_node"));
  return links;
}

class ThreadWalk {
 public:
  ThreadWalk(Kernel& kernel, TaskReader& reader, Listing<Task>& listing)
      : kernel_(kernel), reader_(reader), listing_(listing) {}

  /// False: there are too many to go on.
  bool process(const Task& leader, const ThreadLinks& links) {
    const auto signal = kernel_.read_pointer_field(leader.address, links.signal);
    const std::size_t before = seen_.size();
    const auto walked = signal.and_then([&](Gva address) {
      return walk_list(kernel_, address + links.head.offset, kMaxTasks - before,
                       [&](Gva node) { return add(Gva{node - Gva{links.node.offset}}); });
    });
    if (!walked)
      listing_.problem(walked.error().within("the threads of process " + std::to_string(leader.tgid)));
    if (!seen_.contains(leader.address.value)) add(leader.address);
    return seen_.size() < kMaxTasks;
  }

  bool add(Gva address) {
    if (!seen_.insert(address.value).second) {
      listing_.problem({Errc::malformed, "the task at " + to_string(address) + " is a thread twice"});
      return false;
    }
    auto task = reader_.read(address, [&](Error error) { listing_.problem(std::move(error)); });
    if (task)
      listing_.entries.push_back(std::move(*task));
    else
      listing_.problem(std::move(task).error().within("a thread"));
    return true;
  }

 private:
  Kernel& kernel_;
  TaskReader& reader_;
  Listing<Task>& listing_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

Listing<Task> tasks(Kernel& kernel, const TaskQuery& query) {
  Listing<Task> listing;
  TaskReader reader(kernel, query.parts);
  for (Error& error : reader.missing()) listing.problem(std::move(error));
  for (const Task& leader : leaders(kernel, reader, query, listing)) {
    auto task = reader.read(leader.address, [&](Error error) { listing.problem(std::move(error)); });
    if (task)
      listing.entries.push_back(std::move(*task));
    else
      listing.problem(std::move(task).error().within("process " + std::to_string(leader.tgid)));
  }
  return listing;
}

Listing<Task> threads(Kernel& kernel, const TaskQuery& query) {
  Listing<Task> listing;
  TaskReader reader(kernel, query.parts);
  for (Error& error : reader.missing()) listing.problem(std::move(error));
  const auto links = thread_links(kernel);
  if (!links) listing.problem(links.error().within("threads but the first of each process"));
  ThreadWalk walk(kernel, reader, listing);
  for (const Task& leader : leaders(kernel, reader, query, listing)) {
    if (!links) {
      walk.add(leader.address);
    } else if (!walk.process(leader, *links)) {
      listing.problem({Errc::out_of_bounds, "more than " + std::to_string(kMaxTasks) + " threads"});
      break;
    }
  }
  return listing;
}

}  // namespace ringside::guest::linux
