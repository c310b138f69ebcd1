// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sockets.h"

#include "guest/linux/socket_names.h"
#include "tests/unit/support/net_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

namespace ringside::guest::linux {
namespace {

using testing::NetWorld;
using S = NetWorld::Sock;
constexpr std::uint16_t kStream = 1, kDgram = 2, kRaw = 3;

std::string problems(const Listing<Socket>& listing) {
  std::string all;
  for (const Error& problem : listing.problems) all += problem.message + "\n";
  return all;
}
const Socket* at(const Listing<Socket>& listing, Gva sk) {
  const auto found = std::ranges::find(listing.entries, sk, &Socket::gva);
  return found == listing.entries.end() ? nullptr : &*found;
}
Listing<Socket> all(NetWorld& world) {
  world.finish();
  return sockets(world.kernel).value();
}

class EitherRelease : public ::testing::TestWithParam<NetWorld::Tables> {};
INSTANTIATE_TEST_SUITE_P(Sockets, EitherRelease,
                         ::testing::Values(NetWorld::Tables::global, NetWorld::Tables::per_namespace));

TEST_P(EitherRelease, AListenerIsFoundInItsTableAndBehindItsFile) {
  NetWorld world(GetParam());
  const Gva sk = world.add_sock(kAfInet, kStream, 6, kTcpListen, 777);
  world.set_ip4(sk, 0x7f000001, 8080);
  world.kernel.put(sk + S::backlog, std::uint32_t{2});
  world.kernel.put(sk + S::max_backlog, std::uint32_t{128});
  world.into_listeners(sk);
  world.open(world.add_process(42, "server"), 5, sk);
  const auto listing = all(world);
  EXPECT_EQ(problems(listing), "");
  ASSERT_EQ(listing.entries.size(), 1u);
  const Socket& socket = listing.entries[0];
  EXPECT_EQ(family_name(socket.family), "inet");
  EXPECT_EQ(protocol_name(socket), "tcp");
  EXPECT_EQ(state_name(socket), "LISTEN");
  EXPECT_EQ(socket.local, "127.0.0.1");
  EXPECT_EQ(socket.local_port, 8080u);
  EXPECT_EQ(socket.remote, "0.0.0.0");
  EXPECT_EQ(socket.inode, 777u);
  EXPECT_EQ(socket.netns, 4026531840u);
  EXPECT_EQ(socket.backlog, 2u);
  EXPECT_EQ(socket.rx_queue, 2u);
  EXPECT_EQ(socket.max_backlog, 128u);
  EXPECT_TRUE(socket.in_table && socket.in_file);
  ASSERT_TRUE(socket.owner);
  EXPECT_EQ(socket.owner->pid, 42);
  EXPECT_EQ(socket.owner->fd, 5u);
  EXPECT_EQ(socket.owner->comm, "server");
  EXPECT_EQ(socket.owners, 1u);
}

TEST_P(EitherRelease, ConnectionsOfEveryStateStandInOneTable) {
  NetWorld world(GetParam());
  const Gva established = world.add_sock(kAfInet, kStream, 6, 1, 778);
  world.set_ip4(established, 0x0a000001, 22, 0x0a000002, 51234);
  world.kernel.put(established + S::written, std::uint32_t{0x10});
  world.kernel.put(established + S::acknowledged, std::uint32_t{0xfffffff0});
  world.kernel.put(established + S::expected, std::uint32_t{1007});
  world.kernel.put(established + S::copied, std::uint32_t{1000});
  const Gva waiting = world.add_sock(kAfInet, 0, 0, kTcpTimeWait);
  const Gva beginning = world.add_sock(kAfInet, 0, 0, kTcpNewSynRecv);
  for (const Gva sk : {established, waiting, beginning}) world.into_connections(sk);
  const auto listing = all(world);
  EXPECT_EQ(problems(listing), "");
  ASSERT_EQ(listing.entries.size(), 3u);
  const Socket* socket = at(listing, established);
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(socket->remote, "10.0.0.2");
  EXPECT_EQ(socket->remote_port, 51234u);
  EXPECT_EQ(socket->tx_queue, 0x20u) << "sequence numbers wrap";
  EXPECT_EQ(socket->rx_queue, 7u);
  EXPECT_EQ(state_name(*at(listing, waiting)), "TIME_WAIT");
  EXPECT_EQ(protocol_name(*at(listing, waiting)), "tcp");
  EXPECT_EQ(at(listing, waiting)->rx_queue, std::nullopt) << "it is smaller than a struct sock";
  EXPECT_EQ(state_name(*at(listing, beginning)), "NEW_SYN_RECV");
}

TEST(Sockets, OneThatWasTakenOutOfItsTableIsFoundByItsFile) {
  NetWorld world;
  const Gva hidden = world.add_sock(kAfInet, kStream, 6, kTcpListen, 779);
  world.open(world.add_process(42, "backdoor"), 3, hidden);
  const auto listing = all(world);
  ASSERT_EQ(listing.entries.size(), 1u);
  EXPECT_FALSE(listing.entries[0].in_table);
  EXPECT_TRUE(listing.entries[0].in_file);
}

TEST(Sockets, OneThatNoListedTaskHasOpenIsFoundByItsTable) {
  NetWorld world;
  world.into_listeners(world.add_sock(kAfInet, kStream, 6, kTcpListen, 780));
  const auto listing = all(world);
  ASSERT_EQ(listing.entries.size(), 1u);
  EXPECT_TRUE(listing.entries[0].in_table);
  EXPECT_FALSE(listing.entries[0].in_file);
  EXPECT_EQ(listing.entries[0].owner, std::nullopt);
}

TEST(Sockets, TheOwnerIsTheProcessOfTheLowestPidAndAllDescriptorsCount) {
  NetWorld world;
  const Gva sk = world.add_sock(kAfInet, kStream, 6, kTcpListen, 781);
  world.into_listeners(sk);
  const Gva late = world.add_process(50, "worker"), early = world.add_process(7, "master");
  world.open(late, 4, sk);
  world.open(early, 6, sk);
  world.open(early, 9, sk);
  const auto listing = all(world);
  ASSERT_EQ(listing.entries.size(), 1u);
  EXPECT_EQ(listing.entries[0].owner->pid, 7);
  EXPECT_EQ(listing.entries[0].owner->fd, 6u);
  EXPECT_EQ(listing.entries[0].owners, 3u);
}

TEST_P(EitherRelease, UdpSocketsAreFoundByPortOrByAddress) {
  NetWorld world(GetParam());
  const Gva both = world.add_sock(kAfInet, kDgram, 17, kTcpClose, 790),
            one = world.add_sock(kAfInet, kDgram, 17, 1, 791);
  world.set_ip4(both, 0, 53);
  world.kernel.put(both + S::received, std::uint32_t{2304});
  world.kernel.put(both + S::deficit, std::uint32_t{256});
  world.kernel.put(both + S::sent, std::uint32_t{101});
  world.into_udp(both);
  world.into_udp_by_address(both);
  world.into_udp_by_address(one);
  const auto listing = all(world);
  EXPECT_EQ(problems(listing), "");
  ASSERT_EQ(listing.entries.size(), 2u);
  const Socket* socket = at(listing, both);
  EXPECT_EQ(state_name(*socket), "UNCONNECTED");
  EXPECT_EQ(protocol_name(*socket), "udp");
  EXPECT_EQ(socket->rx_queue, 2048u);
  EXPECT_EQ(socket->tx_queue, 100u);
  EXPECT_EQ(state_name(*at(listing, one)), "ESTABLISHED");
}

TEST(Sockets, RawSocketsHaveAProtocolInsteadOfAPort) {
  NetWorld world;
  const Gva v4 = world.add_sock(kAfInet, kRaw, 1, kTcpClose),
            v6 = world.add_sock(kAfInet6, kRaw, 58, kTcpClose),
            ping = world.add_sock(kAfInet, kDgram, 1, kTcpClose);
  world.kernel.put(v4 + S::number, std::uint16_t{1});
  world.kernel.put(v6 + S::number, std::uint16_t{58});
  world.kernel.put(v6 + (S::local6 + 10), std::uint16_t{0xffff});
  world.kernel.put(v6 + (S::local6 + 12), std::uint32_t{0x0200000a});
  world.into_raw(v4);
  world.into_raw(v6, true);
  world.into_ping(ping);
  const auto listing = all(world);
  EXPECT_EQ(problems(listing), "");
  ASSERT_EQ(listing.entries.size(), 3u);
  EXPECT_EQ(protocol_name(*at(listing, v4)), "icmp");
  EXPECT_EQ(at(listing, v4)->local_port, std::nullopt);
  EXPECT_EQ(protocol_name(*at(listing, v6)), "icmpv6");
  EXPECT_EQ(at(listing, v6)->local, "::ffff:10.0.0.2");
  EXPECT_EQ(state_name(*at(listing, ping)), "UNCONNECTED");
}

TEST_P(EitherRelease, UnixSocketsHavePathsAbstractOnesToo) {
  NetWorld world(GetParam());
  const auto named = [&](std::string_view path, std::int32_t length) {
    const Gva sk = world.add_sock(kAfUnix, kStream, 0, kTcpListen, 800), address = world.kernel.allocate(200);
    world.kernel.put(address + 4, length);
    world.kernel.put(address + 8, std::uint16_t{1});
    for (std::size_t i = 0; i < path.size(); ++i) world.kernel.put(address + (10 + i), path[i]);
    world.kernel.put_pointer(sk + S::address, address.value);
    world.into_unix(sk);
    return sk;
  };
  using namespace std::string_view_literals;
  const Gva file = named("/run/x.sock\0"sv, 14), hidden = named("\0lab\0zero"sv, 11),
            wrong = named("/x"sv, 5000);
  const Gva plain = world.add_sock(kAfUnix, kDgram, 0, kTcpClose, 801);
  world.kernel.put_pointer(plain + S::peer, file.value);
  world.into_unix(plain);
  const auto listing = all(world);
  ASSERT_EQ(listing.entries.size(), 4u);
  EXPECT_EQ(at(listing, file)->path, "/run/x.sock");
  EXPECT_EQ(at(listing, hidden)->path, "@lab@zero");
  EXPECT_EQ(at(listing, wrong)->path, std::nullopt);
  EXPECT_NE(problems(listing).find("its address has 5000 bytes"), std::string::npos);
  EXPECT_EQ(at(listing, plain)->path, std::nullopt);
  EXPECT_EQ(at(listing, plain)->peer, file);
  EXPECT_EQ(protocol_name(*at(listing, plain)), "");
}

TEST(Sockets, PacketSocketsTellIfTheyMadeAnInterfacePromiscuous) {
  NetWorld world;
  const auto packet = [&](std::uint16_t membership) {
    const Gva sk = world.add_sock(kAfPacket, kRaw, 0, kTcpClose, 810), first = world.kernel.allocate(16),
              second = world.kernel.allocate(16);
    world.kernel.put(sk + S::packet_protocol, std::uint16_t{0x0300});
    world.kernel.put(sk + S::packet_interface, std::uint32_t{3});
    world.kernel.put_pointer(sk + S::memberships, first.value);
    world.kernel.put_pointer(first, second.value);
    world.kernel.put(second + 8, membership);
    world.into_packets(sk, world.init_net);
    return sk;
  };
  const Gva sniffer = packet(1), harmless = packet(2);
  const auto listing = all(world);
  EXPECT_EQ(problems(listing), "");
  ASSERT_EQ(listing.entries.size(), 2u);
  EXPECT_EQ(at(listing, sniffer)->promiscuous, true);
  EXPECT_EQ(at(listing, harmless)->promiscuous, false);
  EXPECT_EQ(protocol_name(*at(listing, sniffer)), "all");
  EXPECT_EQ(at(listing, sniffer)->ifindex, 3u);
  EXPECT_EQ(state_name(*at(listing, sniffer)), "");
}

TEST(Sockets, NetlinkSocketsStandInAHashTableThatGrows) {
  NetWorld world;
  const Gva first = world.add_sock(kAfNetlink, kRaw, 0, kTcpClose, 820),
            second = world.add_sock(kAfNetlink, kRaw, 0, kTcpClose, 821),
            kernels = world.add_sock(kAfNetlink, kDgram, 9, kTcpClose, 822);
  world.kernel.put(first + S::port_id, std::uint32_t{42});
  world.into_netlink(first, 0);
  world.into_netlink(second, 1);
  world.into_netlink(kernels, 9);
  // Protocol 1 is the table that protocol 0 is moving to.
  world.kernel.put_pointer(world.netlink_table(0) + 8, world.netlink_table(1).value);
  const auto listing = all(world);
  ASSERT_EQ(listing.entries.size(), 3u);
  EXPECT_EQ(at(listing, first)->local_port, 42u);
  EXPECT_EQ(protocol_name(*at(listing, first)), "route");
  EXPECT_EQ(protocol_name(*at(listing, kernels)), "audit");
}

TEST(Sockets, ANestedHashTableIsNamedAsUnread) {
  NetWorld world;
  world.kernel.put(world.netlink_table(4) + 4, std::uint32_t{1});
  EXPECT_NE(problems(all(world)).find("netlink sockets of protocol 4"), std::string::npos);
}

TEST_P(EitherRelease, EachNamespaceIsWalkedAndSharedTablesOnce) {
  NetWorld world(GetParam());
  const Gva inner = world.add_namespace(4026532200);
  const Gva outside = world.add_sock(kAfInet, kStream, 6, kTcpListen, 830),
            inside = world.add_sock(kAfInet, kStream, 6, kTcpListen, 831),
            packet = world.add_sock(kAfPacket, kRaw, 0, kTcpClose, 832),
            local = world.add_sock(kAfUnix, kDgram, 0, kTcpClose, 833);
  for (const Gva sk : {inside, packet, local}) world.kernel.put_pointer(sk + S::net, inner.value);
  world.into_listeners(outside);
  world.into_listeners(inside);
  world.into_packets(packet, inner);
  world.into_unix(local, 1);
  const auto listing = all(world);
  EXPECT_EQ(problems(listing), "");
  ASSERT_EQ(listing.entries.size(), 4u);
  EXPECT_EQ(at(listing, outside)->netns, 4026531840u);
  for (const Gva sk : {inside, packet, local}) EXPECT_EQ(at(listing, sk)->netns, 4026532200u);
}

/// What is said of a socket in a network namespace that is not listed.
std::string said_of_namespace(std::uint32_t users, std::uint64_t next) {
  NetWorld world;
  const Gva net = world.kernel.allocate(NetWorld::Net::size);
  world.kernel.put(net + NetWorld::Net::users, users);
  world.kernel.put_pointer(net + NetWorld::Net::list, next);
  const Gva sk = world.add_sock(kAfInet, kStream, 6, kTcpListen, 840);
  world.kernel.put_pointer(sk + S::net, net.value);
  world.into_listeners(sk);
  const auto listing = all(world);
  EXPECT_EQ(listing.entries.size(), 1u);
  EXPECT_EQ(listing.entries[0].netns, std::nullopt);
  return problems(listing);
}

TEST(Sockets, ANamespaceThatIsNotListedIsTold) {
  EXPECT_NE(said_of_namespace(1, 0x1000).find("network namespace is none that is listed"), std::string::npos);
}

TEST(Sockets, ANamespaceInTheMakingOrTornDownIsNotMissed) {
  EXPECT_EQ(said_of_namespace(1, 0), "");
  EXPECT_EQ(said_of_namespace(0, 0x1000), "");
}

TEST(Sockets, ALoopInAChainEndsThatChainOnly) {
  NetWorld world;
  const Gva looped = world.add_sock(kAfInet, kStream, 6, 1, 850),
            other = world.add_sock(kAfUnix, kStream, 0, kTcpListen, 851);
  world.into_connections(looped);
  world.into_unix(other);
  world.kernel.put_pointer(looped + S::node, (looped + S::node).value);
  const auto listing = all(world);
  EXPECT_EQ(listing.entries.size(), 2u);
  EXPECT_NE(problems(listing).find("is a loop"), std::string::npos);
}

TEST(Sockets, ATableThatClaimsTooMuchIsNamedAndTheOthersAreRead) {
  NetWorld world;
  world.kernel.put(world.tcp_table() + 8, std::uint32_t{0xffffffff});
  const Gva other = world.add_sock(kAfUnix, kStream, 0, kTcpListen, 860);
  world.into_unix(other);
  const auto listing = all(world);
  EXPECT_NE(at(listing, other), nullptr);
  EXPECT_NE(problems(listing).find("claims 4294967296 buckets"), std::string::npos);
}

TEST(Sockets, AKernelWithoutTypesIsUnavailable) {
  NetWorld world;
  world.finish();
  world.kernel.set_recovered_types(nullptr);
  const auto listing = sockets(world.kernel);
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace ringside::guest::linux
