// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/device_number.h"
#include "guest/linux/tasks.h"
#include "policies/tables/linux/support.h"
#include "policies/tables/table.h"

#include <functional>
#include <optional>
#include <string>

namespace ringside::policies {

/// Calls `visit` for each process that a constraint on column `pid` leaves, with its pointers read, until it
/// returns false. `sink` is told which could not be read.
Result<void> each_process(guest::linux::Kernel& kernel, const TableRequest& request, RowSink& sink,
                          const std::function<bool(const guest::linux::Task&)>& visit);

/// The same as report_problems(), for one process.
template <class T>
void report_problems(const guest::linux::Listing<T>& listing, const guest::linux::Task& task, RowSink& sink) {
  for (const auto& problem : listing.problems)
    sink.incomplete(problem.within("process " + std::to_string(task.tgid)));
}

/// "8:1"; NULL if it is not known.
inline Value device_cell(std::optional<guest::linux::DeviceNumber> device) {
  return device ? cell(to_string(*device)) : null_cell();
}
/// The address of an object; NULL if there is none.
inline Value object_cell(guest::Gva address) {
  return address == guest::Gva{0} ? null_cell() : cell(address.value);
}

}  // namespace ringside::policies
