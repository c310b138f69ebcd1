// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/user_memory.h"

#include "tests/unit/support/user_world.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace ringside::guest::linux {
namespace {

using testing::kUserPage;
using testing::UserWorld;

TEST(UserMemory, IsReadAcrossPagesThroughTheProcesssOwnTables) {
  UserWorld world;
  world.process = world.mm_with({});
  world.kernel.memory().write(Gpa{0x1000ffb}, as_bytes("hello"));
  world.kernel.memory().write(Gpa{0x1800000}, as_bytes(" world"));
  world.set(Gva{0x400000}, 0x1000000 | kUserPage);
  world.set(Gva{0x401000}, 0x1800000 | kUserPage);
  EXPECT_EQ(world.text(Gva{0x400ffb}, 11), "hello world");
  const auto page = world.look(Gva{0x400123});
  EXPECT_EQ(page.state, UserPageState::mapped);
  EXPECT_EQ(page.gva, Gva{0x400000});
  EXPECT_EQ(page.gpa, Gpa{0x1000000});
  EXPECT_EQ(page.size, 4096u);
}

TEST(UserMemory, LargePagesAreFollowed) {
  UserWorld world;
  world.process = world.mm_with({});
  world.kernel.memory().write(Gpa{0x1345678}, as_bytes("large"));
  world.set(Gva{0x40000000}, 0x1200000 | kUserPage | x86::pte::kLarge, 2);
  EXPECT_EQ(world.text(Gva{0x40145678}, 5), "large");
  EXPECT_EQ(world.look(Gva{0x40145678}).size, 2u << 20);
}

TEST(UserMemory, APageWithoutAccessIsInMemoryAllTheSame) {
  UserWorld world;
  world.process = world.mm_with({});
  world.kernel.memory().write(Gpa{0x1000000}, as_bytes("guard"));
  world.set(Gva{0x400000}, (~0x1000000ull & x86::pte::kAddress) | x86::pte::kGlobal);
  EXPECT_EQ(world.look(Gva{0x400000}).state, UserPageState::no_access);
  EXPECT_EQ(world.text(Gva{0x400000}, 5), "guard");
}

TEST(UserMemory, ThatIsSwappedOutSaysWhereTo) {
  UserWorld world;
  world.process = world.mm_with({});
  world.kernel.put(world.kernel.define_variable("nr_swapfiles", 4), 2u);
  world.set(Gva{0x400000}, (std::uint64_t{1} << 59) | (~(std::uint64_t{42} << 9) & 0x07fffffffffffe00));
  world.set(Gva{0x401000}, (std::uint64_t{30} << 59) | (~(std::uint64_t{42} << 9) & 0x07fffffffffffe00));
  const auto page = world.look(Gva{0x400000});
  EXPECT_EQ(page.state, UserPageState::swapped);
  EXPECT_EQ(page.swap_area, 1u);
  EXPECT_EQ(page.swap_offset, 42u);
  const auto read = world.text(Gva{0x400000}, 1);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::unavailable);
  EXPECT_NE(read.error().message.find("swapped out (swap area 1, page 42)"), std::string::npos);
  EXPECT_EQ(world.look(Gva{0x401000}).state, UserPageState::migrating);
}

TEST(UserMemory, AnEmptyEntryIsToldApartByTheAreaAroundIt) {
  UserWorld world;
  const Gva file = world.plain_file("program");
  world.cache(world.last_inode, {{3, world.page(0x1000, 3).value}});
  world.kernel.memory().write(Gpa{0x1000000}, as_bytes("cached"));
  world.process =
      world.mm_with({world.area(0x400000, 0x402000, 5, file, 3), world.area(0x600000, 0x601000, 3)});
  EXPECT_EQ(world.look(Gva{0x400000}).state, UserPageState::page_cache);
  EXPECT_EQ(world.text(Gva{0x400000}, 6), "cached");
  EXPECT_EQ(world.look(Gva{0x401000}).state, UserPageState::not_loaded);
  EXPECT_EQ(world.text(Gva{0x401000}, 1).error().code, Errc::unavailable);
  EXPECT_EQ(world.look(Gva{0x600000}).state, UserPageState::untouched);
  EXPECT_EQ(world.text(Gva{0x600000}, 1).error().code, Errc::not_mapped);
  EXPECT_EQ(world.look(Gva{0x601000}).state, UserPageState::unmapped);
}

TEST(UserMemory, OfAreasThatCannotBeReadIsUnknownNotUnmapped) {
  UserWorld world;
  world.process = world.mm_with({Gva{0xdead'0000'0000}});
  EXPECT_EQ(world.look(Gva{0x400000}).state, UserPageState::unknown);
}

TEST(UserMemory, IsOnlyTheUsersHalf) {
  UserWorld world;
  world.process = world.mm_with({});
  for (const Gva gva : {Gva{0xffffffff81000000}, Gva{0x800000000000}, Gva{~std::uint64_t{0}}})
    EXPECT_EQ(world.text(gva, 1).error().code, Errc::non_canonical) << to_string(gva);
  EXPECT_EQ(ProcessMemory::of(world.kernel, Gva{0}).error().code, Errc::not_found);
}

TEST(UserMemory, ReadSomeEndsWhereMemoryEnds) {
  UserWorld world;
  world.process = world.mm_with({});
  world.set(Gva{0x400000}, 0x1000000 | kUserPage);
  auto memory = ProcessMemory::of(world.kernel, world.process);
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->read_some(Gva{0x400f00}, 4096)->size(), 0x100u);
  EXPECT_FALSE(memory->read_some(Gva{0x401000}, 1));
}

}  // namespace
}  // namespace ringside::guest::linux
