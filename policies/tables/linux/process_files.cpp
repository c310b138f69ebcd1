// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/open_files.h"
#include "policies/tables/linux/each_process.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

std::vector<Value> row(const linux::Task& task, const linux::OpenFile& file) {
  const bool node = file.type == linux::FileType::character || file.type == linux::FileType::block;
  return {std::int64_t{task.tgid},
          cell(file.fd),
          cell_or_null(file.path),
          file.type == linux::FileType::unknown ? null_cell() : cell(linux::to_string(file.type)),
          cell_or_null(file.access()),
          cell_or_null(file.flags),
          file.position ? Value(*file.position) : null_cell(),
          cell_or_null(file.inode_number),
          device_cell(file.file_system),
          node ? device_cell(file.device) : null_cell(),
          file.type == linux::FileType::socket ? cell_or_null(file.inode_number) : null_cell(),
          cell_or_null(file.close_on_exec),
          object_cell(file.operations),
          cell(file.file.value),
          object_cell(file.inode),
          file.private_data ? object_cell(*file.private_data) : null_cell()};
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  constexpr std::size_t kPath = 2;
  for (const auto& unknown : linux::unknown_of_open_files(*kernel)) sink.incomplete(unknown);
  const auto visit = [&](const linux::Task& task) {
    if (!task.files) return true;  // that files is not known has been told with the task
    const auto files = linux::open_files(*kernel, *task.files, request.uses(kPath));
    if (!files) {
      sink.incomplete(files.error().within("open files"));
      return false;
    }
    report_problems(*files, task, sink);
    for (const auto& file : files->entries)
      if (request.wants("fd", std::int64_t{file.fd}) && !sink.row(row(task, file))) return false;
    return true;
  };
  return each_process(*kernel, request, sink, visit);
}

}  // namespace

Table process_files_table() {
  return {
      .name = "process_files",
      .doc = "Linux: the files that each process holds open: one row a file descriptor.",
      .columns =
          {{"pid", ColumnType::integer, "process id, in the first pid namespace"},
           {"fd", ColumnType::integer, "number of the file descriptor"},
           {"path", ColumnType::text,
            "as /proc/PID/fd shows it: a path, socket:[INODE], pipe:[INODE], anon_inode:[eventfd]; NULL if "
            "it could not be read"},
           {"type", ColumnType::text,
            "regular, directory, character, block, fifo, socket, link; none for files without a type"},
           {"access", ColumnType::text, "r, w, rw; - for neither"},
           {"flags", ColumnType::integer, "O_* flags, as open() and fcntl() know them"},
           {"position", ColumnType::integer, "where the next read or write takes place", Stability::live},
           {"inode", ColumnType::integer, "inode number"},
           {"device", ColumnType::text, "device that the file system is on, major:minor"},
           {"node", ColumnType::text, "of a device node: the device that it stands for, major:minor"},
           {"socket", ColumnType::integer, "of a socket: its inode number, by which sockets knows it"},
           {"close_on_exec", ColumnType::boolean, "closed when the process runs another program"},
           {"operations", ColumnType::address, "struct file_operations", Stability::kept},
           {"file", ColumnType::address, "struct file", Stability::kept},
           {"inode_address", ColumnType::address, "struct inode", Stability::kept},
           {"private_data", ColumnType::address, "what its operations keep; of a socket: struct socket",
            Stability::kept}},
      .pushdown = {"pid", "fd"},
      .identity = {"pid", "fd"},
      .example = "SELECT pid, fd, path FROM process_files WHERE path LIKE '%(deleted)'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
