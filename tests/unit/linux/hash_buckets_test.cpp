// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/hash_buckets.h"

#include "tests/unit/support/fake_kernel.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;

struct Walk {
  std::vector<Gva> nodes;
  std::string problems;
};
Walk walk(FakeKernel& kernel, const HashBuckets& buckets, std::uint64_t max = 1000) {
  Walk result;
  walk_buckets(
      kernel, buckets, max,
      [&](Gva node) {
        result.nodes.push_back(node);
        return true;
      },
      [&](const Error& error) { result.problems += error.message + "\n"; });
  return result;
}

TEST(HashBuckets, ChainsEndWithNullOrWithAMarker) {
  FakeKernel kernel;
  const Gva table = kernel.allocate(64), a = kernel.allocate(16), b = kernel.allocate(16),
            c = kernel.allocate(16);
  kernel.put_pointer(table + 8, a.value);
  kernel.put_pointer(a, b.value);
  kernel.put_pointer(b, 0);
  kernel.put_pointer(table + 24, c.value);
  kernel.put_pointer(c, 0x17);
  kernel.put_pointer(table + 40, 0x19);
  const auto result = walk(kernel, {table, 4, 16, 8});
  EXPECT_EQ(result.problems, "");
  EXPECT_EQ(result.nodes, (std::vector{a, b, c}));
}

TEST(HashBuckets, AHeadMayHoldALockInItsLowestBit) {
  FakeKernel kernel;
  const Gva table = kernel.allocate(16), a = kernel.allocate(16), b = kernel.allocate(16);
  kernel.put_pointer(table, a.value | 1);
  kernel.put_pointer(a, 0x11);
  kernel.put_pointer(table + 8, b.value);
  kernel.put_pointer(b, 0x11);
  EXPECT_EQ(walk(kernel, {table, 2, 8, 0, true}).nodes, (std::vector{a, b}));
  EXPECT_EQ(walk(kernel, {table, 2, 8, 0, false}).nodes, std::vector{b});
}

TEST(HashBuckets, ALoopEndsItsChainAndTheOthersAreWalked) {
  FakeKernel kernel;
  const Gva table = kernel.allocate(16), a = kernel.allocate(16), b = kernel.allocate(16),
            c = kernel.allocate(16);
  kernel.put_pointer(table, a.value);
  kernel.put_pointer(a, b.value);
  kernel.put_pointer(b, a.value);
  kernel.put_pointer(table + 8, c.value);
  const auto result = walk(kernel, {table, 2, 8, 0});
  EXPECT_NE(result.problems.find("loop"), std::string::npos);
  EXPECT_LE(result.nodes.size(), 5u);
  EXPECT_EQ(result.nodes.back(), c);
}

TEST(HashBuckets, AChainThatLeavesMemoryKeepsWhatStandsBefore) {
  FakeKernel kernel;
  const Gva table = kernel.allocate(8), a = kernel.allocate(16);
  kernel.put_pointer(table, a.value);
  kernel.put_pointer(a, 0xfffffffffffffff0);
  const auto result = walk(kernel, {table, 1, 8, 0});
  EXPECT_EQ(result.nodes, std::vector{a});
  EXPECT_NE(result.problems, "");
}

TEST(HashBuckets, StopsAtTheBoundOnNodes) {
  FakeKernel kernel;
  const Gva table = kernel.allocate(8);
  Gva before = table;
  for (int i = 0; i < 20; ++i) {
    const Gva node = kernel.allocate(16);
    kernel.put_pointer(before, node.value);
    before = node;
  }
  const auto result = walk(kernel, {table, 1, 8, 0}, 10);
  EXPECT_EQ(result.nodes.size(), 10u);
  EXPECT_NE(result.problems.find("more entries"), std::string::npos);
}

TEST(HashBuckets, ATableThatClaimsTooMuchIsNotRead) {
  FakeKernel kernel;
  const Gva table = kernel.allocate(8);
  EXPECT_NE(walk(kernel, {table, kMaxBuckets + 1, 8, 0}).problems, "");
  EXPECT_NE(walk(kernel, {table, 1, 4, 0}).problems, "");
  EXPECT_NE(walk(kernel, {table, 1, 16, 12}).problems, "");
  EXPECT_NE(walk(kernel, {table, 1, 0xffffffff, 0}).problems, "");
}

TEST(HashBuckets, APartThatCannotBeReadLeavesTheRest) {
  FakeKernel kernel;
  const Gva node = kernel.allocate(16), table{FakeKernel::kRam - 8};
  kernel.put_pointer(table, node.value);
  const auto result = walk(kernel, {table, 2, 8, 0});
  EXPECT_NE(result.problems, "");
}

}  // namespace
}  // namespace ringside::guest::linux
