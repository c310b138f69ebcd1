// SPDX-License-Identifier: Apache-2.0
#include "guest/snapshot.h"

#include "tests/unit/support/fake_memory.h"

#include <gtest/gtest.h>

namespace ringside::guest {
namespace {

using testing::FakeMemory;

class SnapshotTest : public ::testing::Test {
 protected:
  FakeMemory memory_{0x10000};
  Snapshot snapshot_{GuestInfo{}, std::vector<x86::CpuState>(2), memory_};

  std::uint64_t read(std::uint64_t gpa) {
    std::uint64_t value = 0;
    EXPECT_TRUE(snapshot_.read(Gpa{gpa}, std::as_writable_bytes(std::span(&value, 1))));
    return value;
  }
};

TEST_F(SnapshotTest, APageIsReadOnceAndThenKept) {
  memory_.put(Gpa{0x1008}, std::uint64_t{42});
  EXPECT_EQ(read(0x1008), 42u);
  memory_.put(Gpa{0x1008}, std::uint64_t{43});
  memory_.put(Gpa{0x1010}, std::uint64_t{44});
  EXPECT_EQ(read(0x1008), 42u);
  EXPECT_EQ(read(0x1010), 0u);  // of the same moment as the first
  EXPECT_EQ(memory_.calls(), 1u);
  EXPECT_EQ(snapshot_.pages().size(), 1u);
}

TEST_F(SnapshotTest, ReadsCrossPages) {
  memory_.put(Gpa{0x1ffc}, std::uint64_t{0x1122334455667788});
  EXPECT_EQ(read(0x1ffc), 0x1122334455667788u);
  EXPECT_EQ(snapshot_.pages().size(), 2u);
}

TEST_F(SnapshotTest, AFailureIsRememberedForItsPageAlone) {
  memory_.fail_page(Gpa{0x2000}, {Errc::gone, "unplugged"});
  Bytes into(16);
  for (int i = 0; i < 2; ++i) {
    const auto result = snapshot_.read(Gpa{0x1ff8}, into);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::gone);
  }
  EXPECT_EQ(memory_.calls(), 2u);
  memory_.heal();
  EXPECT_FALSE(snapshot_.page(Gpa{0x2000}));
  EXPECT_TRUE(snapshot_.page(Gpa{0x3000}));
}

TEST_F(SnapshotTest, AReadPastTheEndOfPhysicalMemoryFails) {
  Bytes into(16);
  for (const Gpa gpa : {Gpa{0xfff8}, Gpa{0xfffffffffffffff8}, Gpa{0xfffffffffffff000}}) {
    const auto result = snapshot_.read(gpa, into);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::not_ram);
  }
}

TEST_F(SnapshotTest, PrefetchReadsManyPagesInOneCallAndKeepsFailures) {
  memory_.put(Gpa{0x3000}, std::uint64_t{7});
  memory_.fail_page(Gpa{0x4000}, {Errc::io, "broken"});
  const std::vector<Gpa> pages = {Gpa{0x3000}, Gpa{0x1000}, Gpa{0x3008}, Gpa{0x4000}, Gpa{0x90000}};
  snapshot_.prefetch(pages);
  EXPECT_EQ(memory_.calls(), 1u);
  EXPECT_EQ(snapshot_.pages().size(), 2u);
  memory_.heal();
  EXPECT_EQ(read(0x3000), 7u);
  EXPECT_EQ(snapshot_.page(Gpa{0x4000}).error().code, Errc::io);
  EXPECT_EQ(snapshot_.page(Gpa{0x90000}).error().code, Errc::not_ram);
  snapshot_.prefetch(pages);
  EXPECT_EQ(memory_.calls(), 1u);
}

TEST_F(SnapshotTest, TheRecorderNotesTheBytesAskedForAndNoOthers) {
  ReadSet set;
  EXPECT_EQ(snapshot_.record_into(&set), nullptr);
  read(0x1008);
  snapshot_.cpus(RegisterGroups::control);
  EXPECT_EQ(snapshot_.record_into(nullptr), &set);
  read(0x5000);
  snapshot_.cpus(RegisterGroups::general);
  EXPECT_EQ(set.bytes(), 8u);
  EXPECT_EQ(set.groups(), RegisterGroups::control);
  memory_.put(Gpa{0x1000}, std::uint64_t{1});
  EXPECT_TRUE(set.unchanged_in(memory_));
  memory_.put(Gpa{0x1008}, std::uint64_t{1});
  EXPECT_FALSE(set.unchanged_in(memory_));
}

TEST_F(SnapshotTest, TheRecorderNotesAWholePageThatWasHandedOut) {
  ReadSet set;
  snapshot_.record_into(&set);
  ASSERT_TRUE(snapshot_.page(Gpa{0x1000}));
  EXPECT_EQ(set.bytes(), kPageSize);
}

TEST_F(SnapshotTest, TheRecorderLearnsOfFailuresEvenOfRememberedOnes) {
  memory_.fail_page(Gpa{0x2000}, {Errc::gone, "unplugged"});
  EXPECT_FALSE(snapshot_.page(Gpa{0x2000}));
  memory_.heal();
  ReadSet set;
  snapshot_.record_into(&set);
  EXPECT_FALSE(snapshot_.page(Gpa{0x2000}));
  EXPECT_FALSE(set.unchanged_in(memory_));
}

TEST(GuestInfo, KeyPrefersUuidThenNameThenTarget) {
  GuestInfo info;
  info.target = "/run/qmp.sock";
  EXPECT_EQ(info.key(), "/run/qmp.sock");
  info.name = "web";
  EXPECT_EQ(info.key(), "web");
  info.uuid = "6c5e";
  EXPECT_EQ(info.key(), "6c5e");
}

}  // namespace
}  // namespace ringside::guest
