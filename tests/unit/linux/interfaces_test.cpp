// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/interfaces.h"

#include "guest/linux/net_namespaces.h"
#include "tests/unit/support/net_world.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::NetWorld;

TEST(NetNamespaces, AreListedWithTheirNumbers) {
  NetWorld world;
  world.add_namespace(4026532200);
  world.finish();
  const auto spaces = net_namespaces(world.kernel).value();
  ASSERT_EQ(spaces.entries.size(), 2u);
  EXPECT_EQ(spaces.entries[0].gva, world.init_net);
  EXPECT_EQ(spaces.entries[1].number, 4026532200u);
  EXPECT_TRUE(spaces.problems.empty());
}

TEST(Interfaces, AreThoseOfEveryNamespace) {
  NetWorld world;
  world.add_device("lo", 1);
  world.add_device("eth0", 2, 1);
  world.add_namespace(4026532200);
  world.add_device("veth1", 7);
  world.finish();
  const auto all = interfaces(world.kernel).value();
  EXPECT_TRUE(all.problems.empty());
  ASSERT_EQ(all.entries.size(), 3u);
  const NetInterface& interface = all.entries[1];
  EXPECT_EQ(interface.name, "eth0");
  EXPECT_EQ(interface.index, 2u);
  EXPECT_EQ(interface.address, "52:54:00:12:00:00");
  EXPECT_EQ(interface.mtu, 1500u);
  EXPECT_EQ(interface.promiscuity, 1u);
  EXPECT_EQ(interface.netns, 4026531840u);
  EXPECT_EQ(interface_flag_names(*interface.flags), "UP,BROADCAST,PROMISC,MULTICAST");
  EXPECT_EQ(all.entries[2].netns, 4026532200u);
}

TEST(Interfaces, AnAddressThatClaimsTooMuchIsUnknownAndTold) {
  NetWorld world;
  const Gva device = world.add_device("eth0", 2);
  world.kernel.put(device + NetWorld::Device::address_length, std::uint8_t{200});
  world.finish();
  const auto all = interfaces(world.kernel).value();
  ASSERT_EQ(all.entries.size(), 1u);
  EXPECT_EQ(all.entries[0].address, std::nullopt);
  ASSERT_EQ(all.problems.size(), 1u);
  EXPECT_NE(all.problems[0].message.find("interface eth0: it claims 200 bytes"), std::string::npos);
}

}  // namespace
}  // namespace ringside::guest::linux
