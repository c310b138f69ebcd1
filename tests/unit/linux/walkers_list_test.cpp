// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/walkers.h"
#include "tests/unit/support/fake_kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAreArray;
using testing::FakeKernel;

class Walk : public ::testing::TestWithParam<unsigned> {
 protected:
  std::vector<Gva> objects(std::size_t count) {
    std::vector<Gva> made;
    for (std::size_t i = 0; i < count; ++i) made.push_back(kernel.allocate(64));
    return made;
  }
  void link(Gva node, std::size_t index, std::uint64_t to) {
    kernel.put_pointer(node + index * kernel.pointer_size(), to);
  }
  Visit into_seen() {
    return [this](Gva node) {
      seen.push_back(node);
      return true;
    };
  }
  FakeKernel kernel{GetParam()};
  std::vector<Gva> seen;
};

class WalkList : public Walk {};
class WalkHlist : public Walk {};

TEST_P(WalkList, GivesEveryNodeInOrderButNotTheHead) {
  const auto nodes = objects(100);
  const Gva head = kernel.allocate(16);
  kernel.put_list(head, nodes);
  EXPECT_TRUE(walk_list(kernel, head, 100, into_seen()).has_value());
  EXPECT_THAT(seen, ElementsAreArray(nodes));
}

TEST_P(WalkList, AnEmptyListHasNoNodes) {
  const Gva head = kernel.allocate(16);
  kernel.put_list(head, {});
  EXPECT_TRUE(walk_list(kernel, head, 0, into_seen()).has_value());
  EXPECT_TRUE(seen.empty());
}

TEST_P(WalkList, StopsWhenNoMoreIsWanted) {
  const auto nodes = objects(5);
  const Gva head = kernel.allocate(16);
  kernel.put_list(head, nodes);
  std::size_t count = 0;
  EXPECT_TRUE(walk_list(kernel, head, 100, [&](Gva) { return ++count < 3; }).has_value());
  EXPECT_EQ(count, 3u);
}

TEST_P(WalkList, EndsAtItsBound) {
  const auto nodes = objects(5);
  const Gva head = kernel.allocate(16);
  kernel.put_list(head, nodes);
  EXPECT_EQ(walk_list(kernel, head, 4, into_seen()).error().code, Errc::out_of_bounds);
  EXPECT_EQ(seen.size(), 4u);
}

TEST_P(WalkList, ANodeThatDoesNotPointBackIsSaidAndTheRestIsGivenAllTheSame) {
  const auto nodes = objects(4);
  const Gva head = kernel.allocate(16);
  kernel.put_list(head, nodes);
  link(nodes[2], 1, nodes[3].value);
  const auto walked = walk_list(kernel, head, 100, into_seen());
  EXPECT_EQ(walked.error().code, Errc::malformed);
  EXPECT_NE(walked.error().message.find(to_string(nodes[2])), std::string::npos);
  EXPECT_THAT(seen, ElementsAreArray(nodes));
}

TEST_P(WalkList, ACycleThatLeavesOutTheHeadEndsWithoutGivingANodeTwice) {
  const auto nodes = objects(10);
  const Gva head = kernel.allocate(16);
  kernel.put_list(head, nodes);
  link(nodes[9], 0, nodes[4].value);
  EXPECT_EQ(walk_list(kernel, head, 1'000'000, into_seen()).error().code, Errc::malformed);
  EXPECT_THAT(seen, ElementsAreArray(nodes));
}

TEST_P(WalkList, GivesWhatItReachedBeforeANodeThatCannotBeRead) {
  const auto nodes = objects(3);
  const Gva head = kernel.allocate(16);
  kernel.put_list(head, nodes);
  link(nodes[1], 0, 0xfffffff0);
  EXPECT_FALSE(walk_list(kernel, head, 100, into_seen()).has_value());
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_FALSE(walk_list(kernel, Gva{0xfffffff0}, 100, into_seen()).has_value());
}

TEST_P(WalkHlist, GivesNodesUntilNull) {
  const auto nodes = objects(3);
  const Gva head = kernel.allocate(8);
  kernel.put_pointer(head, nodes[0].value);
  link(nodes[0], 0, nodes[1].value);
  link(nodes[1], 0, nodes[2].value);
  EXPECT_TRUE(walk_hlist(kernel, head, 3, into_seen()).has_value());
  EXPECT_THAT(seen, ElementsAreArray(nodes));
  EXPECT_EQ(walk_hlist(kernel, head, 2, into_seen()).error().code, Errc::out_of_bounds);
}

TEST_P(WalkHlist, GivesNodesUntilANullsMarker) {
  const auto nodes = objects(1);
  const Gva head = kernel.allocate(8);
  kernel.put_pointer(head, nodes[0].value);
  link(nodes[0], 0, 77 << 1 | 1);
  EXPECT_TRUE(walk_hlist(kernel, head, 10, into_seen()).has_value());
  EXPECT_THAT(seen, ElementsAreArray(nodes));
  kernel.put_pointer(head + 128, 1);
  EXPECT_TRUE(walk_hlist(kernel, head + 128, 10, into_seen()).has_value());
}

TEST_P(WalkHlist, SeesACycle) {
  const auto nodes = objects(40);
  const Gva head = kernel.allocate(8);
  kernel.put_pointer(head, nodes[0].value);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    link(nodes[i], 0, nodes[i + 1 < nodes.size() ? i + 1 : 11].value);
  EXPECT_EQ(walk_hlist(kernel, head, 1'000'000, into_seen()).error().code, Errc::malformed);
  EXPECT_LE(seen.size(), 4 * nodes.size());
}

const auto kWidths = ::testing::Values(64u, 32u);
INSTANTIATE_TEST_SUITE_P(Bits, WalkList, kWidths);
INSTANTIATE_TEST_SUITE_P(Bits, WalkHlist, kWidths);

}  // namespace
}  // namespace ringside::guest::linux
