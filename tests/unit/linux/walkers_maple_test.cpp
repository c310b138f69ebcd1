// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/walkers.h"
#include "tests/unit/support/fake_kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAre;
using testing::FakeKernel;
using ::testing::FieldsAre;

/// struct maple_tree and its nodes for both widths (include/linux/maple_tree.h).
class WalkMapleTree : public ::testing::TestWithParam<unsigned> {
 protected:
  enum Type : unsigned { dense, leaf, range, arange };

  void SetUp() override {
    const bool wide = GetParam() == 64;
    slots_of = {wide ? 31u : 63u, wide ? 16u : 32u, wide ? 16u : 32u, wide ? 10u : 21u};
    last = wide ? ~std::uint64_t{0} : 0xffffffff;
    auto& w = kernel.btf_writer();
    const std::uint32_t pointer = kernel.pointer_size() * 8;
    const auto word = w.integer("unsigned long", kernel.pointer_size()), any = w.pointer(0);
    w.struct_("maple_tree", 16 + pointer / 8, {{"ma_flags", word, 0}, {"ma_root", any, 64}});
    for (const auto& [name, type] :
         {std::pair{"maple_range_64", range}, std::pair{"maple_arange_64", arange}}) {
      const auto pivots = w.array(word, slots_of[type] - 1), slots = w.array(any, slots_of[type]);
      w.struct_(name, 256,
                {{"parent", any, 0}, {"pivot", pivots, pointer}, {"slot", slots, slots_of[type] * pointer}});
    }
    const auto slots = w.array(any, slots_of[dense]);
    w.struct_("maple_node", 256, {{"parent", any, 0}, {"slot", slots, pointer}});
    tree = kernel.allocate(64);
  }
  Gva node(Gva parent = Gva{1}) {
    const Gva at = kernel.allocate(256);
    kernel.put_pointer(at, parent.value);
    return at;
  }
  static std::uint64_t encoded(Gva node, Type type, bool root = false) {
    return node.value | type << 3 | 4 | (root ? 2 : 0);
  }
  void set_root(std::uint64_t entry) { kernel.put_pointer(tree + 8, entry); }
  void slot(Gva node, Type type, std::uint64_t index, std::uint64_t entry) {
    const std::uint64_t first = type == dense ? 1 : slots_of[type];
    kernel.put_pointer(node + (first + index) * kernel.pointer_size(), entry);
  }
  void pivot(Gva node, std::uint64_t index, std::uint64_t value) {
    kernel.put_pointer(node + (1 + index) * kernel.pointer_size(), value);
  }
  Result<void> walk(std::uint64_t max = 10'000) {
    seen.clear();
    return walk_maple_tree(kernel, tree, max, [this](std::uint64_t from, std::uint64_t to, Gva entry) {
      seen.emplace_back(from, to, entry.value);
      return true;
    });
  }
  FakeKernel kernel{GetParam()};
  Gva tree;
  std::array<std::uint32_t, 4> slots_of{};
  std::uint64_t last = 0;
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>> seen;
};

TEST_P(WalkMapleTree, AnEmptyOneHasNoEntries) {
  EXPECT_TRUE(walk().has_value());
  EXPECT_TRUE(seen.empty());
}

TEST_P(WalkMapleTree, OneEntryStandsInTheRoot) {
  set_root(0x1000);
  EXPECT_TRUE(walk().has_value());
  EXPECT_THAT(seen, ElementsAre(FieldsAre(0, 0, 0x1000)));
}

TEST_P(WalkMapleTree, GivesTheRangesOfALeafWithoutItsGaps) {
  const Gva root = node();
  set_root(encoded(root, leaf, true));
  pivot(root, 0, 0xfff);
  pivot(root, 1, 0x1fff);
  slot(root, leaf, 1, 0x5000);
  pivot(root, 2, 0x2fff);
  slot(root, leaf, 2, 0x6000);
  pivot(root, 3, last);
  slot(root, leaf, 4, 0x7777);  // behind the end: left over
  EXPECT_TRUE(walk().has_value());
  EXPECT_THAT(seen, ElementsAre(FieldsAre(0x1000, 0x1fff, 0x5000), FieldsAre(0x2000, 0x2fff, 0x6000)));
}

TEST_P(WalkMapleTree, TheLastRangeOfAFullLeafEndsWhereTheNodeEnds) {
  const Gva root = node();
  set_root(encoded(root, leaf, true));
  for (std::uint64_t i = 0; i < slots_of[leaf]; ++i) {
    if (i + 1 < slots_of[leaf]) pivot(root, i, i * 16 + 15);
    slot(root, leaf, i, 0x5000 + i * 256);
  }
  EXPECT_TRUE(walk().has_value());
  ASSERT_EQ(seen.size(), slots_of[leaf]);
  EXPECT_EQ(std::get<0>(seen.back()), (slots_of[leaf] - 1) * 16);
  EXPECT_EQ(std::get<1>(seen.back()), last);
}

TEST_P(WalkMapleTree, APivotThatIsLeftOutIsTheEndOfTheNode) {
  const Gva root = node();
  set_root(encoded(root, leaf, true));
  pivot(root, 0, 9);
  slot(root, leaf, 0, 0x5000);
  slot(root, leaf, 1, 0x6000);
  EXPECT_TRUE(walk().has_value());
  EXPECT_THAT(seen, ElementsAre(FieldsAre(0, 9, 0x5000), FieldsAre(10, last, 0x6000)));
}

TEST_P(WalkMapleTree, DescendsThroughNodesOfBothKinds) {
  const Gva root = node(), middle = node(root), left = node(middle), right = node(middle), far = node(root);
  set_root(encoded(root, arange, true));
  pivot(root, 0, 0xffff);
  slot(root, arange, 0, encoded(middle, range));
  pivot(root, 1, last);
  slot(root, arange, 1, encoded(far, leaf));
  pivot(middle, 0, 0xfff);
  slot(middle, range, 0, encoded(left, leaf));
  pivot(middle, 1, 0xffff);
  slot(middle, range, 1, encoded(right, leaf));
  pivot(left, 0, 0xfff);
  slot(left, leaf, 0, 0x5000);
  pivot(right, 0, 0x1fff);
  pivot(right, 1, 0xffff);
  slot(right, leaf, 1, 0x6000);
  pivot(far, 0, last);
  slot(far, leaf, 0, 0x7000);
  EXPECT_TRUE(walk().has_value());
  EXPECT_THAT(seen, ElementsAre(FieldsAre(0, 0xfff, 0x5000), FieldsAre(0x2000, 0xffff, 0x6000),
                                FieldsAre(0x10000, last, 0x7000)));
}

TEST_P(WalkMapleTree, ReadsDenseNodes) {
  const Gva root = node(), few = node(root), rest = node(root);
  set_root(encoded(root, range, true));
  pivot(root, 0, 3);
  slot(root, range, 0, encoded(few, dense));
  pivot(root, 1, last);
  slot(root, range, 1, encoded(rest, leaf));
  slot(few, dense, 1, 0x5000);
  slot(few, dense, 3, 0x6000);
  slot(few, dense, 4, 0x7000);  // behind the node's range
  pivot(rest, 0, last);
  EXPECT_TRUE(walk().has_value());
  EXPECT_THAT(seen, ElementsAre(FieldsAre(1, 1, 0x5000), FieldsAre(3, 3, 0x6000)));
}

TEST_P(WalkMapleTree, ReservedEntriesAreNone) {
  const Gva root = node();
  set_root(encoded(root, leaf, true));
  pivot(root, 0, 9);
  slot(root, leaf, 0, 257 << 2 | 2);  // XA_ZERO_ENTRY
  pivot(root, 1, last);
  slot(root, leaf, 1, 15);  // a value
  EXPECT_TRUE(walk().has_value());
  EXPECT_THAT(seen, ElementsAre(FieldsAre(10, last, 15)));
}

TEST_P(WalkMapleTree, EndsAtItsBoundAndWhenNoMoreIsWanted) {
  const Gva root = node();
  set_root(encoded(root, leaf, true));
  for (std::uint64_t i = 0; i < 8; ++i) {
    pivot(root, i, i == 7 ? last : i);
    slot(root, leaf, i, 0x5000);
  }
  EXPECT_TRUE(walk(8).has_value());
  EXPECT_EQ(walk(7).error().code, Errc::out_of_bounds);
  EXPECT_EQ(seen.size(), 7u);
  int count = 0;
  const auto some = [&](std::uint64_t, std::uint64_t, Gva) { return ++count < 3; };
  EXPECT_TRUE(walk_maple_tree(kernel, tree, 100, some).has_value());
  EXPECT_EQ(count, 3);
}

TEST_P(WalkMapleTree, NodesThatContainEachOtherEnd) {
  const Gva root = node(), other = node(root);
  set_root(encoded(root, range, true));
  pivot(root, 0, last);
  slot(root, range, 0, encoded(other, range));
  pivot(other, 0, last);
  slot(other, range, 0, encoded(root, range));
  EXPECT_EQ(walk().error().code, Errc::malformed);
  // Two ways at each of 31 levels.
  for (const Gva at : {root, other}) {
    pivot(at, 0, 0);
    pivot(at, 1, last);
    slot(at, range, 1, encoded(at, range));
  }
  EXPECT_FALSE(walk(1000).has_value());
}

TEST_P(WalkMapleTree, ADamagedNodeCostsWhatIsBelowIt) {
  const Gva root = node(), dead = node(), odd = node(root), good = node(root);
  kernel.put_pointer(dead, dead.value);  // taken out of the tree
  set_root(encoded(root, range, true));
  const std::array<std::uint64_t, 5> children = {encoded(dead, leaf), encoded(odd, leaf), odd.value | 9 << 3,
                                                 0xfffff00c, encoded(good, leaf)};
  for (std::uint64_t i = 0; i < children.size(); ++i) {
    pivot(root, i, i == 4 ? last : i * 16 + 15);
    slot(root, range, i, children[i]);
  }
  pivot(odd, 0, 5);  // below the node's range
  slot(odd, leaf, 0, 0x5000);
  pivot(good, 0, last);
  slot(good, leaf, 0, 0x6000);
  EXPECT_EQ(walk().error().code, Errc::malformed);
  EXPECT_THAT(seen, ElementsAre(FieldsAre(64, last, 0x6000)));
}

INSTANTIATE_TEST_SUITE_P(Bits, WalkMapleTree, ::testing::Values(64u, 32u));

}  // namespace
}  // namespace ringside::guest::linux
