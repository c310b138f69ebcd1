// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/socket_names.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

namespace ringside::guest::linux {

namespace {

using Name = std::pair<std::uint32_t, std::string_view>;

template <std::size_t N>
std::string_view find(const Name (&names)[N], std::uint32_t number) {
  for (const auto& [known, name] : names)
    if (known == number) return name;
  return {};
}

constexpr Name kFamilies[] = {
    {0, "unspec"},     {1, "unix"},   {2, "inet"},    {3, "ax25"},        {4, "ipx"},     {5, "appletalk"},
    {9, "x25"},        {10, "inet6"}, {15, "key"},    {16, "netlink"},    {17, "packet"}, {21, "rds"},
    {24, "pppox"},     {26, "llc"},   {27, "ib"},     {28, "mpls"},       {29, "can"},    {30, "tipc"},
    {31, "bluetooth"}, {33, "rxrpc"}, {35, "phonet"}, {36, "ieee802154"}, {37, "caif"},   {38, "alg"},
    {39, "nfc"},       {40, "vsock"}, {41, "kcm"},    {42, "qipcrtr"},    {43, "smc"},    {44, "xdp"},
    {45, "mctp"}};

constexpr Name kTypes[] = {{1, "stream"},    {2, "dgram"}, {3, "raw"},    {4, "rdm"},
                           {5, "seqpacket"}, {6, "dccp"},  {10, "packet"}};

// include/uapi/linux/in.h
constexpr Name kIpProtocols[] = {
    {0, "ip"},     {1, "icmp"},   {2, "igmp"},      {4, "ipip"},  {6, "tcp"},   {17, "udp"},    {33, "dccp"},
    {41, "ipv6"},  {46, "rsvp"},  {47, "gre"},      {50, "esp"},  {51, "ah"},   {58, "icmpv6"}, {89, "ospf"},
    {115, "l2tp"}, {132, "sctp"}, {136, "udplite"}, {255, "raw"}, {256, "smc"}, {262, "mptcp"}};

// include/uapi/linux/netlink.h
constexpr Name kNetlinkProtocols[] = {
    {0, "route"},      {2, "usersock"},       {3, "firewall"},  {4, "sock_diag"}, {5, "nflog"},
    {6, "xfrm"},       {7, "selinux"},        {8, "iscsi"},     {9, "audit"},     {10, "fib_lookup"},
    {11, "connector"}, {12, "netfilter"},     {13, "ip6_fw"},   {14, "dnrtmsg"},  {15, "kobject_uevent"},
    {16, "generic"},   {18, "scsitransport"}, {19, "ecryptfs"}, {20, "rdma"},     {21, "crypto"},
    {22, "smc"}};

// include/uapi/linux/if_ether.h
constexpr Name kEtherTypes[] = {{0, "none"},      {1, "802.3"},      {3, "all"},
                                {4, "802.2"},     {0x0800, "ip"},    {0x0806, "arp"},
                                {0x86dd, "ipv6"}, {0x888e, "eapol"}, {0x88cc, "lldp"}};

constexpr std::array<std::string_view, 14> kStates = {
    "",      "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",    "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV", "BOUND_INACTIVE"};

bool is_ip(std::uint16_t family) {
  return family == kAfInet || family == kAfInet6;
}

}  // namespace

std::string family_name(std::uint16_t family) {
  const auto name = find(kFamilies, family);
  return name.empty() ? "af" + std::to_string(family) : std::string(name);
}

std::string socket_type_name(std::uint32_t type) {
  const auto name = find(kTypes, type);
  return name.empty() ? std::to_string(type) : std::string(name);
}

std::string protocol_name(const Socket& socket) {
  if (!socket.protocol) return {};
  std::string_view name;
  if (is_ip(socket.family)) name = find(kIpProtocols, *socket.protocol);
  if (socket.family == kAfNetlink) name = find(kNetlinkProtocols, *socket.protocol);
  if (socket.family == kAfPacket) {
    name = find(kEtherTypes, *socket.protocol);
    if (name.empty()) return fmt::format("0x{:04x}", *socket.protocol);
  }
  if (!name.empty()) return std::string(name);
  return *socket.protocol == 0 ? std::string() : std::to_string(*socket.protocol);
}

std::string state_name(const Socket& socket) {
  if (socket.family == kAfPacket || socket.family == kAfNetlink || socket.family == kAfXdp) return {};
  const bool connects = is_ip(socket.family) && socket.type && *socket.type == kSockStream;
  if (socket.state == kTcpClose && !connects) return "UNCONNECTED";
  return socket.state < kStates.size() ? std::string(kStates[socket.state]) : std::to_string(socket.state);
}

}  // namespace ringside::guest::linux
