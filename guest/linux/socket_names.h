// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/sockets.h"

#include <string>

namespace ringside::guest::linux {

// Numbers of include/linux/socket.h and include/uapi/linux/in.h.
inline constexpr std::uint16_t kAfUnix = 1, kAfInet = 2, kAfInet6 = 10, kAfNetlink = 16, kAfPacket = 17,
                               kAfXdp = 44;
inline constexpr std::uint32_t kSockStream = 1, kSockDgram = 2, kSockRaw = 3;
inline constexpr std::uint32_t kIpprotoTcp = 6, kIpprotoUdp = 17, kIpprotoUdplite = 136;
// include/net/tcp_states.h
inline constexpr std::uint8_t kTcpTimeWait = 6, kTcpClose = 7, kTcpListen = 10, kTcpNewSynRecv = 12;

std::string family_name(std::uint16_t family);     ///< "inet6"; "af99" for one without a name here
std::string socket_type_name(std::uint32_t type);  ///< "stream"
/// "tcp", "route", "0x88cc"; empty where the family has no protocols. `socket` has family and protocol.
std::string protocol_name(const Socket& socket);
/// "LISTEN"; "UNCONNECTED" for the CLOSE of a socket without connections, as ss says. Empty for packet,
/// netlink and XDP sockets, which have no states.
std::string state_name(const Socket& socket);

}  // namespace ringside::guest::linux
