// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/walkers.h"
#include "tests/unit/support/fake_kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAreArray;
using testing::FakeKernel;

class WalkRbTree : public ::testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override {
    root = kernel.allocate(16);
    for (int i = 0; i < 1000; ++i) nodes.push_back(kernel.allocate(24));
    kernel.put_pointer(root, build(0, nodes.size(), 0));
  }
  /// A balanced tree of nodes [first, end); the address of its top.
  std::uint64_t build(std::size_t first, std::size_t end, std::uint64_t parent) {
    if (first == end) return 0;
    const std::size_t middle = (first + end) / 2;
    const Gva node = nodes[middle];
    kernel.put_pointer(node, parent | (middle & 1));
    kernel.put_pointer(node + kernel.pointer_size(), build(middle + 1, end, node.value));
    kernel.put_pointer(node + 2 * kernel.pointer_size(), build(first, middle, node.value));
    return node.value;
  }
  Visit into_seen() {
    return [this](Gva node) {
      seen.push_back(node);
      return true;
    };
  }
  FakeKernel kernel{GetParam()};
  Gva root;
  std::vector<Gva> nodes, seen;
};

TEST_P(WalkRbTree, GivesNodesInOrder) {
  EXPECT_TRUE(walk_rb_tree(kernel, root, 1000, into_seen()).has_value());
  EXPECT_THAT(seen, ElementsAreArray(nodes));
}

TEST_P(WalkRbTree, AnEmptyTreeHasNoNodes) {
  EXPECT_TRUE(walk_rb_tree(kernel, kernel.allocate(16), 0, into_seen()).has_value());
  EXPECT_TRUE(seen.empty());
}

TEST_P(WalkRbTree, StopsWhenNoMoreIsWanted) {
  int count = 0;
  EXPECT_TRUE(walk_rb_tree(kernel, root, 1000, [&](Gva) { return ++count < 7; }).has_value());
  EXPECT_EQ(count, 7);
}

TEST_P(WalkRbTree, EndsAtItsBound) {
  EXPECT_EQ(walk_rb_tree(kernel, root, 999, into_seen()).error().code, Errc::out_of_bounds);
  EXPECT_LE(seen.size(), 999u);
}

TEST_P(WalkRbTree, APartThatDoesNotPointBackIsLeftOutAndSaid) {
  kernel.put_pointer(nodes[250], nodes[3].value);  // the root of the left half
  const auto walked = walk_rb_tree(kernel, root, 1000, into_seen());
  EXPECT_EQ(walked.error().code, Errc::malformed);
  EXPECT_EQ(seen.size(), 500u);
}

TEST_P(WalkRbTree, ALinkBackIntoTheTreeIsSeen) {
  kernel.put_pointer(nodes[0] + 2 * kernel.pointer_size(), nodes[500].value);
  EXPECT_EQ(walk_rb_tree(kernel, root, 1'000'000, into_seen()).error().code, Errc::malformed);
  EXPECT_THAT(seen, ElementsAreArray(nodes));
}

TEST_P(WalkRbTree, ANodeThatCannotBeReadCostsWhatIsBelowIt) {
  kernel.put_pointer(nodes[250] + kernel.pointer_size(), 0xfffffff0);
  EXPECT_FALSE(walk_rb_tree(kernel, root, 1000, into_seen()).has_value());
  EXPECT_EQ(seen.size(), 1000u - 249u);
}

INSTANTIATE_TEST_SUITE_P(Bits, WalkRbTree, ::testing::Values(64u, 32u));

}  // namespace
}  // namespace ringside::guest::linux
