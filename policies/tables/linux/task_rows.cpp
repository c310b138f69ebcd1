// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/boot_time.h"
#include "guest/linux/process_details.h"
#include "policies/tables/linux/support.h"
#include "policies/tables/linux/task_columns.h"

#include <limits>

namespace ringside::policies {

using guest::Gva;
using guest::linux::Kernel;
using guest::linux::Listing;
using guest::linux::Task;
using guest::linux::TaskQuery;

std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> TaskContext::boot_time() {
  if (!boot_time_) {
    const auto found = guest::linux::boot_time(kernel_);
    if (!found) sink_.incomplete(found.error().within("when the guest booted"));
    boot_time_.emplace(found ? std::optional(*found) : std::nullopt);
  }
  return *boot_time_;
}

guest::linux::MemorySizes TaskContext::sizes(const Task& task) {
  if (!task.mm || *task.mm == Gva{0}) return {};
  if (*task.mm == last_sizes_of_) return last_sizes_;
  if (!sizes_) {
    sizes_.emplace(kernel_);
    for (const Error& error : sizes_->missing()) sink_.incomplete(error);
  }
  const auto sizes = sizes_->read(*task.mm);
  if (!sizes) note("the memory", task, sizes.error());
  last_sizes_ = sizes.value_or(guest::linux::MemorySizes{});
  last_sizes_of_ = *task.mm;
  return last_sizes_;
}

std::optional<std::string> TaskContext::executable(const Task& task) {
  if (!task.mm || *task.mm == Gva{0}) return std::nullopt;
  auto path = guest::linux::executable_path(kernel_, *task.mm);
  if (path) return std::move(*path);
  // A kernel thread that borrows an address space has one that executes nothing.
  if (path.error().code != Errc::not_found) note("the executable", task, path.error());
  return std::nullopt;
}

std::optional<std::string> TaskContext::command_line(const Task& task) {
  if (!task.mm || *task.mm == Gva{0}) return std::nullopt;
  auto line = guest::linux::command_line(kernel_, *task.mm);
  if (line) return guest::linux::join_strings(*line);
  note("the command line", task, line.error());
  return std::nullopt;
}

void TaskContext::note(std::string_view what, const Task& task, const Error& error) {
  constexpr std::size_t kMaxReasons = 64;
  std::string key = std::string(what) + ": " + error.message;
  if (failures_.size() >= kMaxReasons && !failures_.contains(key))
    return sink_.incomplete(error.within(what));
  const auto [place, fresh] =
      failures_.try_emplace(std::move(key), Failure{task.tgid, 0, error.within(what)});
  ++place->second.count;
}

void TaskContext::report() {
  for (const auto& [key, failure] : failures_) {
    std::string who = "process " + std::to_string(failure.first);
    if (failure.count > 1) who += " and " + std::to_string(failure.count - 1) + " more";
    sink_.incomplete(failure.error.within(who));
  }
  failures_.clear();
}

namespace {

/// False: a process that cannot be.
bool narrow(const TableRequest& request, TaskQuery& query) {
  const auto found = request.equal.find("pid");
  const auto* pid = found == request.equal.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
  if (pid == nullptr) return true;
  if (*pid < 0 || *pid > std::numeric_limits<std::int32_t>::max()) return false;
  query.tgid = static_cast<std::int32_t>(*pid);
  return true;
}

}  // namespace

Result<void> fill_tasks(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink,
                        const std::vector<TaskColumn>& columns,
                        Listing<Task> (*list)(Kernel&, const TaskQuery&)) {
  RINGSIDE_TRY(Kernel * kernel, Kernel::of(snapshot));
  TaskQuery query;
  query.parts = guest::linux::TaskParts::none;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (request.uses(i)) query.parts = query.parts | columns[i].parts;
  if (!narrow(request, query)) return {};
  const Listing<Task> listing = list(*kernel, query);
  report_problems(listing, sink);
  TaskContext context(*kernel, sink);
  for (const Task& task : listing.entries) {
    if (!request.wants("tid", std::int64_t{task.pid})) continue;
    std::vector<Value> cells(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (request.uses(i)) cells[i] = columns[i].cell(task, context);
    if (!sink.row(std::move(cells))) break;
  }
  context.report();
  return {};
}

}  // namespace ringside::policies
