// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/socket_reader.h"

#include "guest/linux/ip_address.h"
#include "guest/linux/socket_names.h"

#include <algorithm>
#include <cstring>

namespace ringside::guest::linux {

namespace {

using Presence = ObjectReader::Presence;

/// What the kernel starts sk_wmem_alloc with (SK_WMEM_ALLOC_BIAS, include/net/sock.h).
constexpr std::uint32_t kSentBias = 1;
constexpr std::uint16_t kPromiscuous = 1;  // PACKET_MR_PROMISC, include/uapi/linux/if_packet.h
constexpr unsigned kMaxMemberships = 4096;
constexpr std::size_t kUnixPathBytes = 108;  // UNIX_PATH_MAX

std::uint16_t big_endian(std::uint32_t value) {
  return static_cast<std::uint16_t>(((value & 0xff) << 8) | ((value >> 8) & 0xff));
}

/// a - b of two numbers that wrap, 0 if b is ahead.
std::uint32_t ahead(std::uint32_t a, std::uint32_t b) {
  const std::uint32_t difference = a - b;
  return difference < 0x80000000 ? difference : 0;
}

}  // namespace

SocketReader::SocketReader(Kernel& kernel, NetnsOf netns)
    : kernel_(kernel),
      netns_(std::move(netns)),
      common_(kernel, "sock_common"),
      sock_(kernel, "sock"),
      tcp_(kernel, "tcp_sock"),
      udp_(kernel, "udp_sock"),
      unix_(kernel, "unix_sock"),
      packet_(kernel, "packet_sock"),
      netlink_(kernel, "netlink_sock"),
      file_(kernel, "socket_alloc"),
      membership_(kernel, "packet_mclist"),
      namespace_(kernel, "net"),
      family_(common_.add("skc_family")),
      state_(common_.add("skc_state")),
      number_(common_.add("skc_num")),
      remote_port_(common_.add("skc_dport")),
      local4_(common_.add("skc_rcv_saddr")),
      remote4_(common_.add("skc_daddr")),
      local6_(common_.add("skc_v6_rcv_saddr", Presence::optional)),
      remote6_(common_.add("skc_v6_daddr", Presence::optional)),
      interface_(common_.add("skc_bound_dev_if")),
      net_(common_.add("skc_net.net")),
      net_users_(namespace_.add({"ns.count.refs.counter", "count.refs.counter", "ns.__ns_ref.refs.counter"},
                                Presence::optional)),
      net_list_(namespace_.add("list.next", Presence::optional)),
      type_(sock_.add("sk_type")),
      protocol_(sock_.add("sk_protocol")),
      uid_(sock_.add("sk_uid")),
      socket_(sock_.add("sk_socket")),
      backlog_(sock_.add("sk_ack_backlog")),
      max_backlog_(sock_.add("sk_max_ack_backlog")),
      received_(sock_.add("sk_backlog.rmem_alloc")),
      sent_(sock_.add("sk_wmem_alloc")),
      written_(tcp_.add("write_seq")),
      acknowledged_(tcp_.add("snd_una")),
      expected_(tcp_.add("rcv_nxt")),
      copied_(tcp_.add("copied_seq")),
      deficit_(udp_.add("forward_deficit")),
      address_(unix_.add("addr")),
      peer_(unix_.add("peer")),
      packet_protocol_(packet_.add("num")),
      packet_interface_(packet_.add("ifindex")),
      memberships_(packet_.add("mclist")),
      port_id_(netlink_.add("portid")),
      peer_port_id_(netlink_.add("dst_portid")),
      inode_(file_.add("vfs_inode.i_ino")),
      next_membership_(membership_.add("next")),
      membership_type_(membership_.add("type")) {
  const auto optional_field = [&](std::string_view type, std::string_view path) -> std::optional<Field> {
    if (const auto field = kernel.field(type, path)) return *field;
    return std::nullopt;
  };
  socket_in_file_ = optional_field("socket_alloc", "socket");
  name_length_ = optional_field("unix_address", "len");
  name_ = optional_field("unix_address", "name");
}

Result<void> SocketReader::usable() const {
  for (const Member member : {family_, state_, number_, net_})
    if (!common_.has(member)) return fail(common_.missing().front());
  return {};
}

std::vector<Error> SocketReader::missing() const {
  std::vector<Error> all;
  for (const auto* reader :
       {&common_, &sock_, &tcp_, &udp_, &unix_, &packet_, &netlink_, &file_, &membership_})
    all.insert(all.end(), reader->missing().begin(), reader->missing().end());
  return all;
}

/// True for a network namespace that is being made, which is listed last, or torn down, which is unlisted
/// first: it has the kernel's own sockets meanwhile (net/core/net_namespace.c, setup_net, cleanup_net). The
/// first has never been in a list, the second is nobody's any more.
bool SocketReader::netns_in_flight(Gva net) {
  if (!namespace_.read(net)) return false;
  return namespace_.integer(net_users_) == 0u || namespace_.pointer(net_list_) == Gva{0};
}

Result<Socket> SocketReader::read(Gva sk, const std::function<void(Error)>& problem) {
  RINGSIDE_CHECK(common_.read(sk));
  Socket socket;
  socket.gva = sk;
  socket.family = static_cast<std::uint16_t>(common_.u32(family_).value_or(0));
  socket.state = static_cast<std::uint8_t>(common_.u32(state_).value_or(0));
  socket.ifindex = common_.u32(interface_);
  socket.net = common_.pointer(net_).value_or(Gva{0});
  socket.netns = netns_(socket.net);
  if (!socket.netns && !netns_in_flight(socket.net))
    problem(
        {Errc::malformed, "socket at " + to_string(sk) + ": its network namespace is none that is listed"});
  const bool ip = socket.family == kAfInet || socket.family == kAfInet6;
  if (ip) read_ip(socket);
  if (ip && (socket.state == kTcpTimeWait || socket.state == kTcpNewSynRecv)) {
    // No struct sock, but something smaller that begins like one.
    socket.type = kSockStream;
    socket.protocol = kIpprotoTcp;
    return socket;
  }
  const auto told = [&](Result<void> done) {
    if (!done) problem(done.error().within("socket at " + to_string(sk)));
  };
  RINGSIDE_CHECK(read_sock(socket));
  if (ip && socket.type == kSockStream && socket.protocol == kIpprotoTcp) told(read_tcp(socket));
  if (ip && socket.type == kSockDgram) told(read_udp(socket));
  if (ip && socket.type == kSockRaw) {
    // Its number is the protocol, not a port.
    socket.protocol = common_.u32(number_);
    socket.local_port = socket.remote_port = std::nullopt;
  }
  if (socket.family == kAfUnix) told(read_unix(socket));
  if (socket.family == kAfPacket) told(read_packet(socket));
  if (socket.family == kAfNetlink) told(read_netlink(socket));
  if (const auto file_side = sock_.pointer(socket_)) told(read_file(socket, *file_side));
  return socket;
}

void SocketReader::read_ip(Socket& socket) {
  socket.local_port = common_.u32(number_);
  if (const auto port = common_.u32(remote_port_)) socket.remote_port = big_endian(*port);
  if (socket.family == kAfInet) {
    if (const auto bytes = common_.bytes(local4_)) socket.local = ip_text(*bytes);
    if (const auto bytes = common_.bytes(remote4_)) socket.remote = ip_text(*bytes);
  } else {
    if (const auto bytes = common_.bytes(local6_)) socket.local = ip_text(*bytes);
    if (const auto bytes = common_.bytes(remote6_)) socket.remote = ip_text(*bytes);
  }
}

Result<void> SocketReader::read_sock(Socket& socket) {
  RINGSIDE_CHECK(sock_.read(socket.gva));
  socket.type = sock_.u32(type_);
  socket.protocol = sock_.u32(protocol_);
  socket.uid = sock_.u32(uid_);
  if (socket.state == kTcpListen) {
    socket.backlog = sock_.u32(backlog_);
    socket.max_backlog = sock_.u32(max_backlog_);
  }
  socket.rx_queue = sock_.u32(received_);
  if (const auto sent = sock_.u32(sent_)) socket.tx_queue = ahead(*sent, kSentBias);
  return {};
}

// As get_tcp4_sock() counts, net/ipv4/tcp_ipv4.c.
Result<void> SocketReader::read_tcp(Socket& socket) {
  socket.rx_queue = socket.tx_queue = std::nullopt;
  RINGSIDE_CHECK(tcp_.read(socket.gva));
  const auto written = tcp_.u32(written_), acknowledged = tcp_.u32(acknowledged_),
             expected = tcp_.u32(expected_), copied = tcp_.u32(copied_);
  if (written && acknowledged) socket.tx_queue = *written - *acknowledged;
  if (socket.state == kTcpListen)
    socket.rx_queue = socket.backlog;
  else if (expected && copied)
    socket.rx_queue = ahead(*expected, *copied);
  return {};
}

// As udp_rqueue_get() counts, include/net/udp.h. Ping sockets are datagram sockets too, and have nothing like
// it.
Result<void> SocketReader::read_udp(Socket& socket) {
  if (socket.protocol != kIpprotoUdp && socket.protocol != kIpprotoUdplite) return {};
  const auto received = std::exchange(socket.rx_queue, std::nullopt);
  RINGSIDE_CHECK(udp_.read(socket.gva));
  if (const auto deficit = udp_.u32(deficit_); deficit && received) socket.rx_queue = *received - *deficit;
  return {};
}

Result<void> SocketReader::read_unix(Socket& socket) {
  RINGSIDE_CHECK(unix_.read(socket.gva));
  if (const auto peer = unix_.pointer(peer_); peer && peer->value != 0) socket.peer = peer;
  const auto address = unix_.pointer(address_);
  if (!address || address->value == 0 || !name_length_ || !name_) return {};
  RINGSIDE_TRY(const std::uint64_t length, kernel_.read_field(*address, *name_length_));
  constexpr std::uint64_t kFamilyBytes = 2;  // sun_family stands before sun_path
  if (length < kFamilyBytes || length > kFamilyBytes + kUnixPathBytes + 1)
    return fail(Errc::out_of_bounds, "its address has " + std::to_string(length) + " bytes");
  std::string path(length - kFamilyBytes, '\0');
  RINGSIDE_CHECK(
      kernel_.space().read(*address + name_->offset + kFamilyBytes, std::as_writable_bytes(std::span(path))));
  // An abstract name begins with NUL and may hold others; /proc/net/unix shows them all as @.
  if (!path.empty() && path[0] == '\0')
    std::replace(path.begin(), path.end(), '\0', '@');
  else
    path.resize(strnlen(path.data(), path.size()));
  socket.path = std::move(path);
  return {};
}

Result<void> SocketReader::read_packet(Socket& socket) {
  RINGSIDE_CHECK(packet_.read(socket.gva));
  if (const auto protocol = packet_.u32(packet_protocol_)) socket.protocol = big_endian(*protocol);
  socket.ifindex = packet_.u32(packet_interface_);
  if (const auto memberships = packet_.pointer(memberships_)) {
    RINGSIDE_TRY(socket.promiscuous, asks_for_promiscuity(*memberships));
  }
  return {};
}

Result<bool> SocketReader::asks_for_promiscuity(Gva membership) {
  for (unsigned seen = 0; membership.value != 0; ++seen) {
    if (seen == kMaxMemberships) return fail(Errc::out_of_bounds, "its list of memberships does not end");
    RINGSIDE_CHECK(membership_.read(membership));
    const auto type = membership_.u32(membership_type_);
    const auto next = membership_.pointer(next_membership_);
    if (!type || !next) return fail(Errc::unavailable, "the layout of its memberships is not known");
    if (*type == kPromiscuous) return true;
    membership = *next;
  }
  return false;
}

Result<void> SocketReader::read_netlink(Socket& socket) {
  RINGSIDE_CHECK(netlink_.read(socket.gva));
  socket.local_port = netlink_.u32(port_id_);
  socket.remote_port = netlink_.u32(peer_port_id_);
  return {};
}

/// `file_side`: struct socket, which stands beside its inode.
Result<void> SocketReader::read_file(Socket& socket, Gva file_side) {
  if (file_side.value == 0) {
    socket.inode = 0;
    return {};
  }
  if (!socket_in_file_) return {};
  RINGSIDE_CHECK(file_.read(Gva{file_side.value - socket_in_file_->offset}));
  socket.inode = file_.integer(inode_);
  return {};
}

}  // namespace ringside::guest::linux
