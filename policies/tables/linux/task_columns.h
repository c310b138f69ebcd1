// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/memory_sizes.h"
#include "guest/linux/tasks.h"
#include "policies/tables/table.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The columns that `processes` and `threads` are made of: each is defined once, with what has to be read for
// it.
namespace ringside::policies {

/// What the cells of one fill share. What they need beyond the task itself is made when a cell first asks.
class TaskContext {
 public:
  TaskContext(guest::linux::Kernel& kernel, RowSink& sink) : kernel_(kernel), sink_(sink) {}

  /// When the guest's boot-time clock was zero; nullopt, and the sink knows why, if that is not known.
  std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> boot_time();
  /// Of the task's address space; of none if it has none (kernel threads, tasks past their end).
  guest::linux::MemorySizes sizes(const guest::linux::Task& task);
  /// The path of what it executes, and its arguments with a blank between them. nullopt: it has none, or the
  /// sink knows why it could not be read.
  std::optional<std::string> executable(const guest::linux::Task& task);
  std::optional<std::string> command_line(const guest::linux::Task& task);

  /// Tells the sink what could not be read of processes: what failed for many in the same way is one reason.
  void report();

 private:
  void note(std::string_view what, const guest::linux::Task& task, const Error& error);

  struct Failure {
    std::int32_t first = 0;  ///< process
    std::size_t count = 0;
    Error error;
  };
  guest::linux::Kernel& kernel_;
  RowSink& sink_;
  std::optional<std::optional<std::chrono::sys_time<std::chrono::nanoseconds>>> boot_time_;
  std::optional<guest::linux::MemorySizesReader> sizes_;
  guest::linux::MemorySizes last_sizes_;
  guest::Gva last_sizes_of_{0};
  std::map<std::string, Failure> failures_;  ///< by what failed and why
};

struct TaskColumn {
  Column column;
  guest::linux::TaskParts parts = guest::linux::TaskParts::none;
  Value (*cell)(const guest::linux::Task& task, TaskContext& context) = nullptr;
};

/// The columns of those names, in that order; all must exist.
std::vector<TaskColumn> task_columns(std::initializer_list<std::string_view> names);

/// What a table declares of them.
std::vector<Column> declared(const std::vector<TaskColumn>& columns);

/// One row a task of what `list` (tasks() or threads()) gives, with the cells that `request` uses.
Result<void> fill_tasks(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink,
                        const std::vector<TaskColumn>& columns,
                        guest::linux::Listing<guest::linux::Task> (*list)(guest::linux::Kernel&,
                                                                          const guest::linux::TaskQuery&));

}  // namespace ringside::policies
