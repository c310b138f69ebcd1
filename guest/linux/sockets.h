// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// A file descriptor that refers to a socket.
struct SocketOwner {
  std::int32_t pid = 0;  ///< process (tgid)
  std::string comm;      ///< of its first thread
  std::uint32_t fd = 0;
};

/// One struct sock, or what stands for it while a TCP connection begins or ends (struct request_sock,
/// inet_timewait_sock). nullopt: this kind has none, or it is not known; then the listing's problems say so.
struct Socket {
  Gva gva;
  std::uint16_t family = 0;  ///< AF_*
  std::optional<std::uint32_t> type,
      protocol;                              ///< SOCK_*; IPPROTO_*, NETLINK_*, or ETH_P_* of a packet socket
  std::uint8_t state = 0;                    ///< TCP_* (include/net/tcp_states.h), used by all families
  std::optional<std::string> local, remote;  ///< IP addresses as text
  std::optional<std::uint32_t> local_port, remote_port;  ///< of a netlink socket: its port id
  std::optional<std::string> path;     ///< of a unix socket that is bound; abstract ones begin with @
  std::optional<std::uint64_t> inode;  ///< as in /proc/PID/fd; 0: it has no file (any more)
  std::optional<std::uint32_t> uid;
  Gva net;                                            ///< struct net
  std::optional<std::uint32_t> netns;                 ///< as in /proc/PID/ns/net
  std::optional<std::uint32_t> rx_queue, tx_queue;    ///< bytes, as /proc/net shows them
  std::optional<std::uint32_t> backlog, max_backlog;  ///< connections, of one that listens
  std::optional<std::uint32_t> ifindex;               ///< interface that it is bound to, 0 for none
  std::optional<bool> promiscuous;   ///< of a packet socket: it has put an interface into that mode
  std::optional<Gva> peer;           ///< struct sock at the other end of a unix socket
  std::optional<SocketOwner> owner;  ///< of the process with the lowest pid
  std::uint32_t owners = 0;          ///< descriptors that refer to it
  bool in_table = false;             ///< a table of its protocol lists it
  bool in_file = false;              ///< an open file of a task refers to it
};

/// Most sockets that a listing holds.
inline constexpr std::size_t kMaxSockets = 1u << 18;

/// The sockets of every network namespace, found in two independent ways: in the tables of their protocols
/// (TCP, UDP, UDP-Lite, raw, ping, unix, packet, netlink, XDP), and through the open files of all tasks. One
/// that only a file shows may have been taken out of its table; so is one that was never bound. One that only
/// a table shows belongs to the kernel, to a connection that nobody has accepted yet, to a file in flight, or
/// to a task that is hidden. Errors: `unavailable` where this kernel's layouts do not tell.
Result<Listing<Socket>> sockets(Kernel& kernel);

}  // namespace ringside::guest::linux
