// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/vmalloc_areas.h"

#include "tests/unit/support/page_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::PageWorld;
using ::testing::SizeIs;

constexpr std::uint64_t kFirst = 0xffffc90000000000;

TEST(VmallocAreas, AreListedByAddressInBothForms) {
  for (const bool trees : {false, true}) {
    PageWorld world(trees);
    world.add_area(kFirst + 0x10000, 0x3000, 0x1000100, 0x22);
    world.add_area(kFirst, 0x2000, 0x1000200, 1);
    const auto& areas = vmalloc_areas(world.kernel);
    EXPECT_THAT(areas.problems, IsEmpty());
    ASSERT_THAT(areas.entries, SizeIs(2));
    EXPECT_EQ(areas.entries[0].start, Gva{kFirst});
    EXPECT_EQ(areas.entries[0].caller, Gva{0x1000200});
    EXPECT_EQ(vmalloc_kind(*areas.entries[0].flags), "ioremap");
    EXPECT_EQ(areas.entries[1].size, 0x3000u);
    EXPECT_EQ(vmalloc_kind(*areas.entries[1].flags), "vmalloc");
    EXPECT_EQ(find_area(areas, Gva{kFirst + 0x1fff}), areas.entries.data());
    EXPECT_EQ(find_area(areas, Gva{kFirst + 0x2000}), nullptr);
    EXPECT_EQ(find_area(areas, Gva{kFirst - 1}), nullptr);
  }
}

TEST(VmallocAreas, OneThatEndsBeforeItBeginsCostsItselfOnly) {
  PageWorld world;
  const Gva bad = world.add_area(kFirst, 0x2000, 0);
  world.add_area(kFirst + 0x10000, 0x2000, 0);
  world.kernel.put_pointer(bad + world.area_offset().va_end, kFirst - 0x1000);
  const auto& areas = vmalloc_areas(world.kernel);
  EXPECT_THAT(areas.entries, SizeIs(1));
  ASSERT_THAT(areas.problems, SizeIs(1));
  EXPECT_THAT(areas.problems[0].message, HasSubstr("reaches from"));
}

TEST(VmallocAreas, OneWithoutAStructHasBoundsOnly) {
  PageWorld world;
  const Gva area = world.add_area(kFirst, 0x2000, 0x1000100);
  world.kernel.put_pointer(area + world.area_offset().vm, 0);
  const auto& areas = vmalloc_areas(world.kernel);
  ASSERT_THAT(areas.entries, SizeIs(1));
  EXPECT_EQ(areas.entries[0].caller, std::nullopt);
  EXPECT_THAT(areas.problems, IsEmpty());
}

TEST(VmallocAreas, ACountOfTreesIsBounded) {
  PageWorld world(true);
  world.kernel.put(*world.kernel.find_symbol("nr_vmap_nodes"), std::uint32_t{1u << 30});
  const auto& areas = vmalloc_areas(world.kernel);
  ASSERT_THAT(areas.problems, SizeIs(1));
  EXPECT_EQ(areas.problems[0].code, Errc::out_of_bounds);
}

TEST(VmallocAreas, AreUnknownOnAKernelThatDoesNotTell) {
  testing::FakeKernel kernel;
  kernel.set_recovered_types(nullptr);
  const auto& areas = vmalloc_areas(kernel);
  EXPECT_THAT(areas.entries, IsEmpty());
  EXPECT_THAT(areas.problems, SizeIs(1));
}

}  // namespace
}  // namespace ringside::guest::linux
