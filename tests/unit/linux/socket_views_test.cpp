// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/socket_views.h"

#include "guest/linux/socket_names.h"
#include "tests/unit/support/net_world.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::NetWorld;
constexpr std::uint16_t kStream = 1, kDgram = 2;

const SocketView& of(const Listing<SocketView>& listing, Gva sk) {
  for (const SocketView& view : listing.entries)
    if (view.socket.gva == sk) return view;
  throw std::runtime_error("no such socket in the listing");
}

TEST(SocketViews, AListenerIsInItsTableAndOpen) {
  NetWorld world;
  const Gva sk = world.add_sock(kAfInet, kStream, 6, kTcpListen, 700);
  world.into_listeners(sk);
  world.open(world.add_process(42, "server"), 5, sk);
  world.finish();
  const auto listing = socket_views(world.kernel).value();
  EXPECT_EQ(of(listing, sk).missing_in_table, false);
  EXPECT_EQ(of(listing, sk).hidden_owner, std::nullopt);
  EXPECT_EQ(of(listing, sk).socket.owner->pid, 42);
}

TEST(SocketViews, WhatMustBeInATableAndIsNotIsTold) {
  NetWorld world;
  const Gva listener = world.add_sock(kAfInet, kStream, 6, kTcpListen, 700),
            connection = world.add_sock(kAfInet6, kStream, 6, 1, 701),
            closed = world.add_sock(kAfInet, kStream, 6, kTcpClose, 702),
            bound = world.add_sock(kAfInet, kDgram, 17, kTcpClose, 703),
            unbound = world.add_sock(kAfInet, kDgram, 17, kTcpClose, 704),
            other = world.add_sock(kAfInet, kStream, 262, kTcpListen, 705);
  world.set_ip4(bound, 0, 53);
  const Gva process = world.add_process(42, "backdoor");
  std::uint32_t fd = 3;
  for (const Gva sk : {listener, connection, closed, bound, unbound, other}) world.open(process, fd++, sk);
  world.finish();
  auto listing = socket_views(world.kernel).value();
  // This made-up kernel tells of tasks by their list only, so that nothing is known to be absent.
  EXPECT_NE(of(listing, listener).missing_in_table, false);
  EXPECT_NE(of(listing, connection).missing_in_table, false);
  EXPECT_NE(of(listing, bound).missing_in_table, false);
  for (const Gva sk : {closed, unbound, other}) EXPECT_EQ(of(listing, sk).missing_in_table, std::nullopt);
}

TEST(SocketViews, WithoutTypesAreUnavailable) {
  NetWorld world;
  world.finish();
  world.kernel.set_recovered_types(nullptr);
  EXPECT_FALSE(socket_views(world.kernel));
}

}  // namespace
}  // namespace ringside::guest::linux
