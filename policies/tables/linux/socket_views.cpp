// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/socket_views.h"

#include "guest/linux/socket_names.h"
#include "policies/tables/linux/view_tables.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Value name_or_null(std::string name) {
  return name.empty() ? null_cell() : cell(std::move(name));
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto listing, linux::socket_views(*kernel));
  report_problems(listing, sink);
  for (const auto& view : listing.entries) {
    const linux::Socket& socket = view.socket;
    const auto& owner = socket.owner;
    if (!sink.row({cell(linux::family_name(socket.family)),
                   socket.type ? cell(linux::socket_type_name(*socket.type)) : null_cell(),
                   name_or_null(linux::protocol_name(socket)), name_or_null(linux::state_name(socket)),
                   cell_or_null(socket.local), cell_or_null(socket.local_port), cell_or_null(socket.remote),
                   cell_or_null(socket.remote_port), std::int64_t{socket.in_table},
                   std::int64_t{socket.in_file}, owner ? Value(std::int64_t{owner->pid}) : null_cell(),
                   owner ? cell(owner->comm) : null_cell(), number_cell(view.hidden_owner),
                   truth_cell(view.has_file), truth_cell(view.kernel_made), truth_cell(view.missing_in_table),
                   truth_cell(view.unowned), cell_or_null(socket.inode), cell(socket.gva.value)}))
      break;
  }
  return {};
}

}  // namespace

Table socket_views_table() {
  using enum ColumnType;
  return {
      .name = "socket_views",
      .doc = "Linux: every socket, with what shows it: its protocol's table, an open file, a hidden process.",
      .columns =
          {{"family", text, "inet, inet6, unix, packet, netlink, ..."},
           {"type", text, "stream, dgram, raw, ..."},
           {"protocol", text, "tcp, udp, ..."},
           {"state", text, "LISTEN, ESTABLISHED, ...; NULL if it has none"},
           {"local_address", text, "IP address; NULL in other families"},
           {"local_port", integer, "port, or port id of a netlink socket"},
           {"remote_address", text, "IP address of the other end"},
           {"remote_port", integer, "port of the other end"},
           {"in_table", boolean, "its protocol's table shows it, and with it netstat"},
           {"in_file", boolean, "an open file of a listed process refers to it"},
           {"pid", integer, "that process, the one of the lowest pid"},
           {"comm", text, "its name"},
           {"hidden_pid", integer, "a process that has it open and that the list of processes lacks"},
           {"has_file", boolean, "an open file stands for it, wherever that is held"},
           {"kernel_made", boolean, "the kernel opened it for itself"},
           {"missing_in_table", boolean,
            "it listens, is connected or has a port, and its table lacks it; NULL if it need not be there"},
           {"unowned", boolean,
            "a program opened it and no process has it: neither one that is listed nor one that is hidden; "
            "false as well while descriptors are in flight or io_uring is in use, which can hold it"},
           {"inode", integer, "as in /proc/PID/fd; 0 if no file refers to it"},
           {"gva", address, "its struct sock", Stability::kept}},
      .pushdown = {},
      .identity = {"gva"},
      .example = "SELECT protocol, local_port, hidden_pid FROM socket_views WHERE hidden_pid IS NOT NULL",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
