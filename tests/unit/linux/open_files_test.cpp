// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/open_files.h"

#include "tests/unit/support/file_world.h"

#include <gtest/gtest.h>

#include <string>

namespace ringside::guest::linux {
namespace {

using testing::FileWorld;

std::string problems(const Listing<OpenFile>& listing) {
  std::string all;
  for (const Error& problem : listing.problems) all += problem.message + "\n";
  return all;
}

TEST(OpenFiles, AreListedInOrderOfTheirNumbers) {
  FileWorld world;
  const Gva null = world.inode(5, 0020666, world.super_block(0, 5, "devtmpfs"));
  world.kernel.put(null + FileWorld::Inode::rdev, 1u << 20 | 3u);
  const Gva device = world.file({world.root_mount, world.dentry(world.root, "null", null)}, null, 2);
  const Gva plain = world.plain_file("data", 77);
  world.kernel.put(plain + FileWorld::File::position, std::int64_t{1234});
  world.kernel.put(plain + FileWorld::File::flags, 0100002u);
  const Gva files = world.files({{0, device}, {40, plain}});
  const auto listing = open_files(world.kernel, files);
  ASSERT_TRUE(listing);
  EXPECT_EQ(problems(*listing), "");
  ASSERT_EQ(listing->entries.size(), 2u);
  const OpenFile &first = listing->entries[0], &second = listing->entries[1];
  EXPECT_EQ(first.fd, 0u);
  EXPECT_EQ(first.path, "/null");
  EXPECT_EQ(first.type, FileType::character);
  EXPECT_EQ(first.access(), "w");
  EXPECT_EQ(first.device, (DeviceNumber{1, 3}));
  EXPECT_EQ(first.file_system, (DeviceNumber{0, 5}));
  EXPECT_EQ(second.fd, 40u);
  EXPECT_EQ(second.path, "/data");
  EXPECT_EQ(second.inode_number, 77u);
  EXPECT_EQ(second.position, 1234);
  EXPECT_EQ(second.flags, 0100002u);
  EXPECT_EQ(second.access(), "rw");
  EXPECT_EQ(second.close_on_exec, false);
  EXPECT_EQ(second.type, FileType::regular);
}

TEST(OpenFiles, KnowWhatIsClosedWhenAnotherProgramRuns) {
  FileWorld world;
  const Gva plain = world.plain_file("data");
  const Gva files = world.files({{9, plain}, {10, plain}});
  world.kernel.put(world.close_on_exec + 1, std::uint8_t{0b100});
  const auto listing = open_files(world.kernel, files);
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->entries.size(), 2u);
  EXPECT_EQ(listing->entries[0].close_on_exec, false);
  EXPECT_EQ(listing->entries[1].close_on_exec, true);
}

TEST(OpenFiles, ABrokenOneCostsItselfOnly) {
  FileWorld world;
  const Gva plain = world.plain_file("data");
  const Gva broken = world.file({world.root_mount, world.root}, Gva{0xdead'0000'0000});
  const auto listing =
      open_files(world.kernel, world.files({{1, Gva{0x7fff'0000'0000}}, {2, broken}, {3, plain}}));
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->entries.size(), 3u);
  EXPECT_FALSE(listing->entries[0].path);
  EXPECT_EQ(listing->entries[0].type, FileType::unknown);
  EXPECT_EQ(listing->entries[1].path, "/");
  EXPECT_EQ(listing->entries[1].type, FileType::unknown);
  EXPECT_EQ(listing->entries[2].path, "/data");
  EXPECT_EQ(listing->problems.size(), 2u);
}

TEST(OpenFiles, ATableThatClaimsTooManyIsReadAsFarAsItGoes) {
  FileWorld world;
  const Gva files = world.files({{0, world.plain_file("data")}});
  world.kernel.put(world.fdtable + FileWorld::Files::max_fds, 0xffffffffu);
  const auto listing = open_files(world.kernel, files);
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->entries.front().path, "/data");
  EXPECT_NE(problems(*listing).find("4294967295 file descriptors"), std::string::npos);
}

TEST(OpenFiles, OfATaskThatEndsAreNone) {
  FileWorld world;
  const auto listing = open_files(world.kernel, Gva{0});
  ASSERT_TRUE(listing);
  EXPECT_TRUE(listing->entries.empty());
  EXPECT_FALSE(open_files(world.kernel, Gva{0xdead'0000'0000}));
}

}  // namespace
}  // namespace ringside::guest::linux
