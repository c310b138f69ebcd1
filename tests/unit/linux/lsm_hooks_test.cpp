// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hooks/lsm_hooks.h"

#include "tests/unit/support/trace_world.h"

#include <gmock/gmock.h>

namespace ringside::guest::linux {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TraceWorld;
using Age = TraceWorld::Age;

TEST(LsmHooks, AreTheEntriesOfEachList) {
  TraceWorld world(Age::older);
  world.add_hook(1, world.function("apparmor_file_open"));
  const Gva first = world.add_hook(1, world.function("cap_capable"));
  const auto all = lsm_hooks(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(2));
  EXPECT_EQ(all.entries[0].hook, "inode_permission");
  EXPECT_EQ(all.entries[0].entry, first);
  EXPECT_EQ(all.entries[0].lsm, "apparmor");
  EXPECT_EQ(all.entries[0].consistent(), std::nullopt);
  EXPECT_EQ(all.entries[1].index, 1u);
  EXPECT_EQ(all.entries[1].function, world.function("apparmor_file_open"));
}

TEST(LsmHooks, AreThePlacesOfStaticCallsThatAreInUse) {
  TraceWorld world(Age::newer);
  world.add_hook(0, world.function("apparmor_file_open"));
  const auto all = lsm_hooks(world.kernel).value();
  EXPECT_THAT(all.problems, IsEmpty());
  ASSERT_THAT(all.entries, SizeIs(1));
  EXPECT_EQ(all.entries[0].hook, "file_open");
  EXPECT_EQ(all.entries[0].lsm, "apparmor");
  EXPECT_EQ(all.entries[0].called, world.function("apparmor_file_open"));
  EXPECT_EQ(all.entries[0].consistent(), true);
}

TEST(LsmHooks, APlaceThatCallsWhatItsEntryDoesNotSayIsNotConsistent) {
  TraceWorld world(Age::newer);
  world.add_hook(0, world.function("apparmor_file_open"));
  world.kernel.put_pointer(world.hook_key(0), TraceWorld::kNobody);
  EXPECT_EQ(lsm_hooks(world.kernel)->entries.at(0).consistent(), false);
}

TEST(LsmHooks, APlaceThatIsOnWithoutAnEntryIsShown) {
  TraceWorld world(Age::newer);
  world.kernel.put_pointer(world.hook_key(1), TraceWorld::kNobody);
  world.kernel.put(world.hook_switch(1), std::int32_t{1});
  const auto all = lsm_hooks(world.kernel).value();
  ASSERT_THAT(all.entries, SizeIs(1));
  EXPECT_EQ(all.entries[0].consistent(), false);
  EXPECT_EQ(all.entries[0].entry, Gva{0});
}

TEST(LsmHooks, APlaceWithoutAKeyIsAProblemOfItsOwn) {
  TraceWorld world(Age::newer);
  world.add_hook(0, world.function("apparmor_file_open"));
  world.kernel.put_pointer(world.hook_place(1), 0x7fff00000000);
  const auto all = lsm_hooks(world.kernel).value();
  EXPECT_THAT(all.entries, SizeIs(1));
  EXPECT_THAT(all.problems, SizeIs(1));
}

}  // namespace
}  // namespace ringside::guest::linux
