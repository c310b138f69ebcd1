// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sockets.h"

#include "guest/linux/socket_names.h"
#include "policies/tables/linux/support.h"

namespace ringside::policies {

namespace {

namespace linux = guest::linux;

Value name_or_null(std::string name) {
  return name.empty() ? null_cell() : cell(std::move(name));
}

std::vector<Value> row(const linux::Socket& socket) {
  const auto& owner = socket.owner;
  return {cell(linux::family_name(socket.family)),
          socket.type ? cell(linux::socket_type_name(*socket.type)) : null_cell(),
          name_or_null(linux::protocol_name(socket)),
          name_or_null(linux::state_name(socket)),
          cell_or_null(socket.local),
          cell_or_null(socket.local_port),
          cell_or_null(socket.remote),
          cell_or_null(socket.remote_port),
          cell_or_null(socket.path),
          cell_or_null(socket.ifindex),
          cell_or_null(socket.inode),
          cell_or_null(socket.uid),
          cell_or_null(socket.netns),
          cell_or_null(socket.rx_queue),
          cell_or_null(socket.tx_queue),
          cell_or_null(socket.backlog),
          cell_or_null(socket.max_backlog),
          socket.promiscuous ? cell(*socket.promiscuous) : null_cell(),
          owner ? cell(static_cast<std::uint32_t>(owner->pid)) : null_cell(),
          owner ? cell(owner->comm) : null_cell(),
          owner ? cell(owner->fd) : null_cell(),
          cell(socket.owners),
          cell(socket.in_table ? (socket.in_file ? "both" : "hash") : "file"),
          socket.peer ? cell(socket.peer->value) : null_cell(),
          cell(socket.gva.value)};
}

// Nothing is left out where a query does not ask for owners: a socket that was taken out of its table is
// found by its file only.
Result<void> fill(guest::Snapshot& snapshot, const TableRequest&, RowSink& sink) {
  RINGSIDE_TRY(linux::Kernel* const kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto sockets, linux::sockets(*kernel));
  report_problems(sockets, sink);
  for (const auto& socket : sockets.entries)
    if (!sink.row(row(socket))) break;
  return {};
}

}  // namespace

Table sockets_table() {
  return {
      .name = "sockets",
      .doc = "Linux: the sockets of every network namespace, from the protocols' tables and from open files.",
      .columns =
          {{"family", ColumnType::text, "inet, inet6, unix, packet, netlink, ..."},
           {"type", ColumnType::text, "stream, dgram, raw, seqpacket, ..."},
           {"protocol", ColumnType::text,
            "tcp, udp, ...; route, audit, ... (netlink); all, ip, ... (packet)"},
           {"state", ColumnType::text,
            "LISTEN, ESTABLISHED, TIME_WAIT, UNCONNECTED, ...; NULL if it has none"},
           {"local_address", ColumnType::text, "IP address; NULL in other families"},
           {"local_port", ColumnType::integer, "port, or port id of a netlink socket"},
           {"remote_address", ColumnType::text, "IP address of the other end"},
           {"remote_port", ColumnType::integer, "port of the other end"},
           {"path", ColumnType::text, "of a unix socket that has a name; abstract names begin with @"},
           {"ifindex", ColumnType::integer, "interface that it is bound to, 0 for none"},
           {"inode", ColumnType::integer, "as in /proc/PID/fd; 0 if no file refers to it"},
           {"uid", ColumnType::integer, "user that made it"},
           {"netns", ColumnType::integer, "network namespace, as in /proc/PID/ns/net", Stability::kept},
           {"rx_queue", ColumnType::integer,
            "bytes received and not read; connections that wait, if it listens", Stability::live},
           {"tx_queue", ColumnType::integer, "bytes not sent, or not acknowledged", Stability::live},
           {"backlog", ColumnType::integer, "connections that wait for accept(), if it listens",
            Stability::live},
           {"max_backlog", ColumnType::integer, "how many may wait"},
           {"promiscuous", ColumnType::boolean, "of a packet socket: it has made an interface promiscuous"},
           {"pid", ColumnType::integer, "process that has it open; NULL if none that is listed has"},
           {"comm", ColumnType::text, "name of that process"},
           {"fd", ColumnType::integer, "its file descriptor there"},
           {"owners", ColumnType::integer, "file descriptors, of any process, that refer to it",
            Stability::live},
           {"listed_by", ColumnType::text,
            "hash: only its protocol's table; file: only an open file (never bound, or hidden); both"},
           {"peer", ColumnType::address, "struct sock at the other end of a unix socket", Stability::kept},
           {"gva", ColumnType::address, "its struct sock", Stability::kept}},
      .pushdown = {},
      .identity = {"gva"},
      .example =
          "SELECT protocol, local_address, local_port, pid, comm, listed_by FROM sockets WHERE state = "
          "'LISTEN'",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
