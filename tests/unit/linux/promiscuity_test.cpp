// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/promiscuity.h"

#include "guest/linux/socket_names.h"
#include "tests/unit/support/net_world.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::NetWorld;

TEST(Promiscuity, OnlyInterfacesThatAreOrSayThatTheyAreAreListed) {
  NetWorld world;
  world.add_device("eth0", 2);
  world.add_device("eth1", 3, 1);
  const Gva disguised = world.add_device("eth2", 4, 1);
  world.kernel.put(disguised + NetWorld::Device::flags, std::uint32_t{0x1003});
  world.finish();
  const auto listing = promiscuous_interfaces(world.kernel).value();
  ASSERT_EQ(listing.entries.size(), 2u);
  EXPECT_EQ(listing.entries[0].name, "eth1");
  EXPECT_EQ(listing.entries[0].flag, true);
  EXPECT_EQ(listing.entries[1].name, "eth2");
  EXPECT_EQ(listing.entries[1].flag, false);
  EXPECT_EQ(listing.entries[1].promiscuity, 1u);
}

TEST(Promiscuity, WithoutTypesIsUnavailable) {
  NetWorld world;
  world.finish();
  world.kernel.set_recovered_types(nullptr);
  EXPECT_FALSE(promiscuous_interfaces(world.kernel));
}

}  // namespace
}  // namespace ringside::guest::linux
