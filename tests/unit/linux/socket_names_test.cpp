// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/socket_names.h"

#include "guest/linux/ip_address.h"

#include <gtest/gtest.h>

#include <array>
#include <span>

namespace ringside::guest::linux {
namespace {

TEST(SocketNames, AreThoseOfTheKernelsHeadersAndNumbersForOthers) {
  EXPECT_EQ(family_name(40), "vsock");
  EXPECT_EQ(family_name(99), "af99");
  EXPECT_EQ(socket_type_name(5), "seqpacket");
  EXPECT_EQ(socket_type_name(77), "77");
}

TEST(SocketNames, AProtocolIsNamedByItsFamily) {
  Socket socket;
  EXPECT_EQ(protocol_name(socket), "");
  socket.protocol = 16;
  socket.family = kAfNetlink;
  EXPECT_EQ(protocol_name(socket), "generic");
  socket.family = kAfInet;
  EXPECT_EQ(protocol_name(socket), "16");
  socket.family = kAfPacket;
  EXPECT_EQ(protocol_name(socket), "0x0010");
}

TEST(SocketNames, ClosedMeansUnconnectedWhereNothingConnects) {
  Socket socket;
  socket.state = kTcpClose;
  socket.family = kAfInet;
  socket.type = kSockStream;
  EXPECT_EQ(state_name(socket), "CLOSE");
  socket.type = kSockDgram;
  EXPECT_EQ(state_name(socket), "UNCONNECTED");
  socket.state = 200;
  EXPECT_EQ(state_name(socket), "200");
}

TEST(IpAddress, IsWrittenAsUsual) {
  const std::array<std::uint8_t, 4> v4 = {192, 0, 2, 1};
  EXPECT_EQ(ip_text(std::as_bytes(std::span(v4))), "192.0.2.1");
  const std::array<std::uint8_t, 16> v6 = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  EXPECT_EQ(ip_text(std::as_bytes(std::span(v6))), "2001:db8::1");
  EXPECT_EQ(ip_text({}), "");
}

TEST(HardwareAddress, HasAsManyBytesAsItHas) {
  const std::array<std::uint8_t, 6> mac = {0x52, 0x54, 0, 0x12, 0, 0xff};
  EXPECT_EQ(hardware_address_text(std::as_bytes(std::span(mac))), "52:54:00:12:00:ff");
  EXPECT_EQ(hardware_address_text({}), "");
}

}  // namespace
}  // namespace ringside::guest::linux
