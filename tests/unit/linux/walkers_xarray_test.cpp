// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/walkers.h"
#include "tests/unit/support/fake_kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAre;
using testing::FakeKernel;
using ::testing::Pair;

constexpr std::uint64_t kSlots = 64, kRetry = 256 << 2 | 2, kZero = 257 << 2 | 2;

class WalkXarray : public ::testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override {
    auto& w = kernel.btf_writer();
    const unsigned pointer = kernel.pointer_size() * 8;
    const auto u32 = w.integer("unsigned int", 4), u8 = w.integer("unsigned char", 1), any = w.pointer(0);
    w.struct_("xarray", 8 + pointer / 8, {{"xa_flags", u32, 32}, {"xa_head", any, 64}});
    const auto slots = w.array(any, kSlots);
    w.struct_("xa_node", 600,
              {{"shift", u8, 0}, {"offset", u8, 8}, {"parent", any, pointer}, {"slots", slots, 5 * pointer}});
    xarray = kernel.allocate(16);
  }
  void set_head(std::uint64_t entry) { kernel.put_pointer(xarray + 8, entry); }
  Gva node(unsigned shift) {
    const Gva at = kernel.allocate(600);
    kernel.put(at, static_cast<std::uint8_t>(shift));
    return at;
  }
  void set(Gva node, std::uint64_t slot, std::uint64_t entry) {
    kernel.put_pointer(node + (5 + slot) * kernel.pointer_size(), entry);
  }
  Result<void> walk(std::uint64_t max = 10'000) {
    seen.clear();
    return walk_xarray(kernel, xarray, max, [this](std::uint64_t index, Gva entry) {
      seen.emplace_back(index, entry.value);
      return true;
    });
  }
  FakeKernel kernel{GetParam()};
  Gva xarray;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
};

TEST_P(WalkXarray, AnEmptyOneHasNoEntries) {
  EXPECT_TRUE(walk().has_value());
  EXPECT_TRUE(seen.empty());
}

TEST_P(WalkXarray, OneEntryStandsInTheHead) {
  set_head(0x1000);
  EXPECT_TRUE(walk().has_value());
  EXPECT_THAT(seen, ElementsAre(Pair(0, 0x1000)));
  EXPECT_EQ(walk(0).error().code, Errc::out_of_bounds);
}

TEST_P(WalkXarray, GivesEntriesOfAllLevelsWithTheirIndex) {
  const Gva top = node(12), middle = node(6), leaf = node(0), other = node(0);
  set_head(top.value | 2);
  set(top, 0, middle.value | 2);
  set(middle, 0, leaf.value | 2);
  set(middle, 5, other.value | 2);
  set(top, 3, 0x5000);  // one entry for a whole range
  set(leaf, 0, 0x1000);
  set(leaf, 63, 0x2000);
  set(other, 1, 7 << 1 | 1);  // a value
  EXPECT_TRUE(walk().has_value());
  EXPECT_THAT(seen,
              ElementsAre(Pair(0, 0x1000), Pair(63, 0x2000), Pair(5 * 64 + 1, 15), Pair(3 * 4096, 0x5000)));
}

TEST_P(WalkXarray, NeverGivesInternalEntries) {
  const Gva leaf = node(0);
  set_head(leaf.value | 2);
  set(leaf, 0, 0x1000);
  set(leaf, 1, 0 << 2 | 2);  // the sibling of slot 0
  set(leaf, 2, kRetry);
  set(leaf, 3, kZero);
  EXPECT_TRUE(walk().has_value());
  EXPECT_THAT(seen, ElementsAre(Pair(0, 0x1000)));
}

TEST_P(WalkXarray, EndsAtItsBound) {
  const Gva leaf = node(0);
  set_head(leaf.value | 2);
  for (std::uint64_t slot = 0; slot < kSlots; ++slot) set(leaf, slot, 0x1000 + slot * 16);
  EXPECT_TRUE(walk(kSlots).has_value());
  EXPECT_EQ(walk(kSlots - 1).error().code, Errc::out_of_bounds);
  EXPECT_EQ(seen.size(), kSlots - 1);
}

TEST_P(WalkXarray, StopsWhenNoMoreIsWanted) {
  const Gva top = node(6), leaf = node(0);
  set_head(top.value | 2);
  set(top, 0, leaf.value | 2);
  for (std::uint64_t slot = 0; slot < kSlots; ++slot) set(leaf, slot, 0x1000 + slot * 16);
  int count = 0;
  EXPECT_TRUE(walk_xarray(kernel, xarray, 1000, [&](std::uint64_t, Gva) { return ++count < 5; }).has_value());
  EXPECT_EQ(count, 5);
}

TEST_P(WalkXarray, ANodeThatContainsItselfIsSeen) {
  const Gva top = node(6);
  set_head(top.value | 2);
  for (std::uint64_t slot = 0; slot < kSlots; ++slot) set(top, slot, top.value | 2);
  EXPECT_EQ(walk().error().code, Errc::malformed);
  EXPECT_TRUE(seen.empty());
}

TEST_P(WalkXarray, ManyWaysToOneNodeEndAtTheBound) {
  Gva below = node(0);
  for (const unsigned shift : {6u, 12u, 18u, 24u}) {
    const Gva above = node(shift);
    for (std::uint64_t slot = 0; slot < kSlots; ++slot) set(above, slot, below.value | 2);
    below = above;
  }
  set_head(below.value | 2);
  EXPECT_EQ(walk(1000).error().code, Errc::out_of_bounds);
}

TEST_P(WalkXarray, ADamagedNodeCostsWhatIsBelowIt) {
  const Gva top = node(6), good = node(0), wrong = node(12);
  set_head(top.value | 2);
  set(top, 0, wrong.value | 2);
  set(top, 1, 0xfffff002);
  set(top, 2, good.value | 2);
  set(good, 4, 0x1000);
  EXPECT_EQ(walk().error().code, Errc::malformed);
  EXPECT_THAT(seen, ElementsAre(Pair(2 * 64 + 4, 0x1000)));
}

TEST_P(WalkXarray, AnIndexWiderThanAPointerIsRefused) {
  const Gva top = node(GetParam() == 64 ? 60 : 30);
  set_head(top.value | 2);
  set(top, 1, 0x1000);
  set(top, 16, 0x2000);
  EXPECT_EQ(walk().error().code, Errc::malformed);
  EXPECT_EQ(seen.size(), 1u);
}

TEST_P(WalkXarray, NeedsTheTypes) {
  kernel.set_recovered_types(nullptr);
  EXPECT_EQ(walk().error().code, Errc::unavailable);
}

INSTANTIATE_TEST_SUITE_P(Bits, WalkXarray, ::testing::Values(64u, 32u));

}  // namespace
}  // namespace ringside::guest::linux
