// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/network.h"
#include "guest/linux/sockets.h"

namespace ringside::guest::linux {

namespace {

/// What stands for a connection that begins or ends has none of these members (include/net/tcp_states.h).
bool is_full(const Socket& socket) {
  constexpr std::uint8_t kTimeWait = 6, kNewSynRecv = 12;
  const bool internet = socket.family == 2 || socket.family == 10;
  return !internet || (socket.state != kTimeWait && socket.state != kNewSynRecv);
}

}  // namespace

Result<Hooks> socket_operations(Kernel& kernel) {
  RINGSIDE_CHECK(require_types(kernel));
  Hooks hooks;
  HookReader sock(kernel, "sock"), file_side(kernel, "socket");
  for (const char* function : {"sk_state_change", "sk_data_ready", "sk_write_space", "sk_error_report",
                               "sk_backlog_rcv", "sk_destruct"})
    sock.add(function, {function});
  sock.add("sk_prot", {"__sk_common.skc_prot"}, Hook::Kind::table);
  file_side.add("ops", {"ops"}, Hook::Kind::table);
  const auto socket_of = sock.object().add("sk_socket");
  if (sock.problem()) return fail(sock.problem()->within("operations of sockets"));
  if (file_side.problem()) return fail(file_side.problem()->within("operations of sockets"));
  RINGSIDE_TRY(const auto all, sockets(kernel));
  for (const auto& error : all.problems) hooks.problem(error);
  for (const Socket& socket : all.entries) {
    if (!is_full(socket)) continue;
    Hook like;
    like.group = "sock";
    like.number = socket.family;
    like.netns = socket.netns;
    if (socket.owner) like.name = socket.owner->comm + " (" + std::to_string(socket.owner->pid) + ")";
    if (auto read = sock.read(socket.gva); !read) {
      hooks.problem(read.error().within("socket at " + to_string(socket.gva)));
      continue;
    }
    sock.append(like, hooks);
    const Gva other = sock.object().pointer(socket_of).value_or(Gva{0});
    if (other.value == 0) continue;  // nobody has accepted it, or it is closed
    if (auto read = file_side.read(other); !read) {
      hooks.problem(read.error().within("socket at " + to_string(socket.gva)));
      continue;
    }
    like.group = "socket";
    file_side.append(std::move(like), hooks);
  }
  return hooks;
}

}  // namespace ringside::guest::linux
