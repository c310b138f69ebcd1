// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/process_maps.h"

#include "policies/tables/linux/each_process.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

std::vector<Value> row(const linux::Task& task, const linux::MemoryArea& area) {
  const bool file = area.file != guest::Gva{0};
  return {std::int64_t{task.tgid},     cell(area.start.value),
          cell(area.end.value),        cell(area.permissions()),
          cell(area.writable()),       cell(area.executable()),
          cell(area.shared()),         cell(!file),
          cell(area.offset),           device_cell(area.device),
          cell_or_null(area.inode),    cell_or_null(area.name),
          cell(area.vm_flags),         cell(area.vma.value),
          object_cell(area.file_inode)};
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  constexpr std::size_t kPath = 11;
  const auto visit = [&](const linux::Task& task) {
    if (!task.mm) return true;  // that mm is not known has been told with the task
    const auto areas = linux::memory_areas(*kernel, *task.mm, request.uses(kPath));
    if (!areas) {
      sink.incomplete(areas.error().within("memory areas"));
      return false;
    }
    report_problems(*areas, task, sink);
    for (const auto& area : areas->entries)
      if (!sink.row(row(task, area))) return false;
    return true;
  };
  return each_process(*kernel, request, sink, visit);
}

}  // namespace

Table process_maps_table() {
  return {
      .name = "process_maps",
      .doc = "Linux: the areas of memory of each process, as /proc/PID/maps lists them.",
      .columns =
          {{"pid", ColumnType::integer, "process id, in the first pid namespace"},
           {"start", ColumnType::address, "first address"},
           {"end", ColumnType::address, "one past the last address"},
           {"permissions", ColumnType::text, "r, w, x, then s for shared or p for private: rw-p"},
           {"writable", ColumnType::boolean, "the process may write it"},
           {"executable", ColumnType::boolean, "the process may run it"},
           {"shared", ColumnType::boolean, "what is written shows in the file and in others that map it"},
           {"anonymous", ColumnType::boolean, "no file stands behind it"},
           {"offset", ColumnType::integer, "where in the file it starts, in bytes"},
           {"device", ColumnType::text, "device of the file, major:minor"},
           {"inode", ColumnType::integer, "inode number of the file, 0 for none"},
           {"path", ColumnType::text,
            "the file, or [heap], [stack], [vdso], [anon:NAME]; empty for other memory; NULL if it could not "
            "be read"},
           {"flags", ColumnType::address, "VM_* flags", Stability::kept},
           {"vma", ColumnType::address, "its struct vm_area_struct", Stability::kept},
           {"inode_address", ColumnType::address, "struct inode of the file; NULL for none",
            Stability::kept}},
      .pushdown = {"pid"},
      .identity = {"pid", "start"},
      .example = "SELECT pid, start, end, path FROM process_maps WHERE writable AND executable",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
