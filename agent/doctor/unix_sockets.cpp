// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/unix_sockets.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

namespace ringside::agent::doctor {

namespace {

namespace fs = std::filesystem;

Result<void> ask(int netlink) {
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  question.request.sdiag_family = AF_UNIX;
  question.request.udiag_states = ~0u;
  question.request.udiag_show = UDIAG_SHOW_VFS | UDIAG_SHOW_PEER;
  if (::send(netlink, &question, sizeof question, 0) == static_cast<ssize_t>(sizeof question)) return {};
  return fail(Errc::unsupported,
              fmt::format("the kernel tells nothing of Unix sockets: {}", std::strerror(errno)));
}

UnixSocket read_socket(const nlmsghdr* header) {
  const auto* message = static_cast<const unix_diag_msg*>(NLMSG_DATA(header));
  UnixSocket socket;
  socket.inode = message->udiag_ino;
  socket.listening = message->udiag_state == TCP_LISTEN;
  auto left = static_cast<unsigned>(header->nlmsg_len - NLMSG_LENGTH(sizeof *message));
  for (const auto* part = reinterpret_cast<const rtattr*>(message + 1); RTA_OK(part, left);
       part = RTA_NEXT(part, left)) {
    if (part->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(part) >= sizeof socket.peer)
      std::memcpy(&socket.peer, RTA_DATA(part), sizeof socket.peer);
    if (unix_diag_vfs file{}; part->rta_type == UNIX_DIAG_VFS && RTA_PAYLOAD(part) >= sizeof file) {
      std::memcpy(&file, RTA_DATA(part), sizeof file);
      socket.file_inode = file.udiag_vfs_ino;
      socket.file_device = file.udiag_vfs_dev;
    }
  }
  return socket;
}

}  // namespace

Result<std::vector<UnixSocket>> list_unix_sockets() {
  const int netlink = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (netlink < 0) return fail(Errc::unsupported, fmt::format("no sock_diag here: {}", std::strerror(errno)));
  const timeval patience{2, 0};
  ::setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  Result<std::vector<UnixSocket>> sockets = std::vector<UnixSocket>();
  if (const auto asked = ask(netlink); !asked) sockets = fail(asked.error());
  std::vector<char> buffer(64u << 10);
  for (bool done = !sockets; !done;) {
    const ssize_t size = ::recv(netlink, buffer.data(), buffer.size(), 0);
    if (size <= 0) {
      sockets = fail(Errc::unsupported, "the kernel does not finish its list of Unix sockets");
      break;
    }
    for (std::size_t at = 0, end = static_cast<std::size_t>(size); end - at >= sizeof(nlmsghdr) && !done;) {
      const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data() + at);
      if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > end - at) break;
      if (header->nlmsg_type == NLMSG_ERROR)
        sockets = fail(Errc::unsupported, "this kernel has no unix_diag");
      done = header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR;
      if (!done && header->nlmsg_len >= NLMSG_LENGTH(sizeof(unix_diag_msg)))
        sockets->push_back(read_socket(header));
      at = std::min<std::size_t>(end, at + NLMSG_ALIGN(header->nlmsg_len));
    }
  }
  ::close(netlink);
  return sockets;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    pid_t pid = 0;
    const auto [stop, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc{} && stop == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

Process describe_process(pid_t pid) {
  Process process{pid, 0, "?"};
  struct stat owner {};
  if (::stat(fmt::format("/proc/{}", pid).c_str(), &owner) == 0) process.user = owner.st_uid;
  std::string command;
  if (std::getline(std::ifstream(fmt::format("/proc/{}/comm", pid)), command)) process.command = command;
  return process;
}

SocketOwners SocketOwners::look() {
  SocketOwners all;
  for (const pid_t pid : all_processes()) {
    std::error_code error;
    fs::directory_iterator it(fmt::format("/proc/{}/fd", pid), error);
    if (error) {
      all.saw_all_ = all.saw_all_ && error.value() != EACCES;
      continue;
    }
    for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
      std::error_code gone;
      const std::string what = fs::read_symlink(it->path(), gone).string();
      constexpr std::string_view kSocket = "socket:[";
      std::uint32_t inode = 0;
      if (gone || !what.starts_with(kSocket)) continue;
      std::from_chars(what.data() + kSocket.size(), what.data() + what.size(), inode);
      all.owners_.emplace(inode, describe_process(pid));
    }
  }
  return all;
}

std::vector<Process> SocketOwners::of(std::uint32_t inode) const {
  std::vector<Process> processes;
  const auto [first, end] = owners_.equal_range(inode);
  for (auto it = first; it != end; ++it) processes.push_back(it->second);
  return processes;
}

std::vector<std::uint32_t> clients_of(const std::string& path, const std::vector<UnixSocket>& sockets) {
  std::vector<std::uint32_t> clients;
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return clients;
  // What accept() gives is bound to the listener's file too. The kernel tells its own form of the device
  // number (include/linux/kdev_t.h): 12 bits of major, 20 of minor.
  const auto device = static_cast<std::uint32_t>(major(file.st_dev) << 20 | minor(file.st_dev));
  for (const UnixSocket& socket : sockets)
    if (!socket.listening && socket.peer != 0 && socket.file_device == device &&
        socket.file_inode == static_cast<std::uint32_t>(file.st_ino))
      clients.push_back(socket.peer);
  return clients;
}

}  // namespace ringside::agent::doctor
