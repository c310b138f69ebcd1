// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/object_reader.h"
#include "guest/linux/sockets.h"

#include <functional>
#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

/// Reads a struct sock of any family, and what stands around it. Layouts are asked for once.
class SocketReader {
 public:
  /// `netns`: number of a struct net; nullopt if it is none of those that are known.
  using NetnsOf = std::function<std::optional<std::uint32_t>(Gva net)>;
  SocketReader(Kernel& kernel, NetnsOf netns);

  /// Nothing can be said of any socket without these.
  Result<void> usable() const;
  /// Members that this kernel's layout does not tell.
  std::vector<Error> missing() const;

  /// All but owner, in_table and in_file. What could not be read of things that the socket points to stays
  /// unknown, and `problem` is told.
  Result<Socket> read(Gva sk, const std::function<void(Error)>& problem);

 private:
  using Member = ObjectReader::Member;
  void read_ip(Socket& socket);
  Result<void> read_sock(Socket& socket);
  Result<void> read_tcp(Socket& socket);
  Result<void> read_udp(Socket& socket);
  Result<void> read_unix(Socket& socket);
  Result<void> read_packet(Socket& socket);
  Result<void> read_netlink(Socket& socket);
  Result<void> read_file(Socket& socket, Gva file_side);
  bool netns_in_flight(Gva net);
  Result<bool> asks_for_promiscuity(Gva memberships);

  Kernel& kernel_;
  NetnsOf netns_;
  ObjectReader common_, sock_, tcp_, udp_, unix_, packet_, netlink_, file_, membership_, namespace_;
  Member family_, state_, number_, remote_port_, local4_, remote4_, local6_, remote6_, interface_, net_;
  Member net_users_, net_list_;
  Member type_, protocol_, uid_, socket_, backlog_, max_backlog_, received_, sent_;
  Member written_, acknowledged_, expected_, copied_;
  Member deficit_;
  Member address_, peer_;
  Member packet_protocol_, packet_interface_, memberships_;
  Member port_id_, peer_port_id_;
  Member inode_;
  Member next_membership_, membership_type_;
  std::optional<Field> socket_in_file_, name_length_, name_;
};

}  // namespace ringside::guest::linux
