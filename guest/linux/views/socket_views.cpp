// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/socket_views.h"

#include "guest/linux/object_reader.h"
#include "guest/linux/open_files.h"
#include "guest/linux/socket_names.h"
#include "guest/linux/views/passed_files.h"
#include "guest/linux/views/task_views.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>

namespace ringside::guest::linux {

namespace {

constexpr std::uint8_t kTcpEstablished = 1;  // include/net/tcp_states.h

/// Whether its protocol must list it: TCP does before a connection stands or is waited for, UDP as soon as
/// there is a port (net/ipv4/inet_hashtables.c, net/ipv4/udp.c).
bool must_be_listed(const Socket& socket) {
  if (socket.family != kAfInet && socket.family != kAfInet6) return false;
  if (socket.type == kSockStream && socket.protocol == kIpprotoTcp)
    return socket.state == kTcpEstablished || socket.state == kTcpListen;
  return socket.type == kSockDgram && socket.protocol == kIpprotoUdp && socket.local_port.value_or(0) != 0;
}

class Collector {
 public:
  explicit Collector(Kernel& kernel)
      : kernel_(kernel),
        sock_(kernel, "sock"),
        file_side_(sock_.add("sk_socket")),
        kernel_made_(sock_.add("sk_kern_sock", ObjectReader::Presence::optional)),
        socket_(kernel, "socket"),
        file_(socket_.add("file")) {}

  Result<Listing<SocketView>> run() {
    RINGSIDE_TRY(auto all, sockets(kernel_));
    whole_ = all.problems.empty();
    for (Error& error : all.problems) listing_.problem(std::move(error));
    for (const Error& error : sock_.missing()) listing_.problem(error);
    for (const Error& error : socket_.missing()) listing_.problem(error);
    look_at_tasks();
    const auto in_flight = files_in_flight(kernel_);
    for (Socket& socket : all.entries) take(std::move(socket), in_flight);
    return std::move(listing_);
  }

 private:
  /// The files of tasks that the list of processes does not show, and whether any task uses io_uring.
  void look_at_tasks() {
    const auto operations = kernel_.find_symbol("socket_file_ops");
    const auto sk = kernel_.field("socket", "sk");
    const auto ring = kernel_.field("task_struct", "io_uring");
    auto tasks = task_views(kernel_);
    for (Error& error : tasks.problems) listing_.problem(std::move(error));
    whole_ = whole_ && tasks.problems.empty();
    std::set<std::uint64_t> seen;
    for (const TaskView& view : tasks.entries) {
      if (ring) {
        const auto context = kernel_.read_pointer_field(view.task.address, *ring);
        rings_ = rings_ || !context || *context != Gva{0};
      }
      if (view.listed != false || !operations || !sk) continue;
      const Gva table = view.task.files.value_or(Gva{0});
      if (table == Gva{0} || !seen.insert(table.value).second) continue;
      const auto files = open_files(kernel_, table, false);
      if (!files) {
        listing_.problem(files.error().within("files of thread " + std::to_string(view.task.pid)));
        continue;
      }
      for (const OpenFile& file : files->entries)
        if (file.operations == *operations && file.private_data)
          if (const auto object = kernel_.read_pointer_field(*file.private_data, *sk))
            hidden_.emplace(object->value, view.task.tgid);
    }
  }

  void take(Socket socket, std::optional<std::uint64_t> in_flight) {
    SocketView view;
    if (const auto found = hidden_.find(socket.gva.value); found != hidden_.end())
      view.hidden_owner = found->second;
    if (must_be_listed(socket))
      view.missing_in_table = socket.in_table ? std::optional(false)
                              : whole_        ? std::optional(true)
                                              : std::nullopt;
    // What stands for a connection that begins or ends is no struct sock, and has no file.
    if (socket.type && sock_.read(socket.gva)) {
      if (const auto made = sock_.integer(kernel_made_)) view.kernel_made = *made != 0;
      if (const auto side = sock_.pointer(file_side_)) view.has_file = has_file(*side);
    }
    if (view.has_file && view.kernel_made) {
      view.unowned = *view.has_file && !*view.kernel_made && socket.owners == 0 && !view.hidden_owner;
      if (*view.unowned && (!whole_ || !in_flight)) view.unowned = std::nullopt;
      if (view.unowned == true && (rings_ || *in_flight != 0)) view.unowned = false;
    }
    view.socket = std::move(socket);
    listing_.entries.push_back(std::move(view));
  }

  std::optional<bool> has_file(Gva side) {
    if (side == Gva{0}) return false;
    if (!socket_.read(side)) return std::nullopt;
    const auto file = socket_.pointer(file_);
    if (!file) return std::nullopt;
    return *file != Gva{0};
  }

  Kernel& kernel_;
  ObjectReader sock_;
  ObjectReader::Member file_side_, kernel_made_;
  ObjectReader socket_;
  ObjectReader::Member file_;
  Listing<SocketView> listing_;
  std::unordered_map<std::uint64_t, std::int32_t> hidden_;  ///< pid by struct sock
  bool whole_ = true, rings_ = false;
};

}  // namespace

Result<Listing<SocketView>> socket_views(Kernel& kernel) {
  return Collector(kernel).run();
}

}  // namespace ringside::guest::linux
