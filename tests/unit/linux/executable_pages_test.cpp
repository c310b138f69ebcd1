// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/executable_pages.h"

#include "tests/unit/support/page_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::PageWorld;
using ::testing::SizeIs;
using Kind = CodeOwnerKind;

constexpr std::uint64_t kModule = 0xffffffffc0100000, kPool = 0xffffffffc0400000;

class CodeOfAKernel : public ::testing::Test {
 protected:
  CodeOfAKernel() {
    world.kernel.define("init_task", Gva{0x1500000});
    world.kernel.define("execmem_cache_populate_alloc", Gva{0x1000400}, 't');
    world.kernel.define("load_module", Gva{0x1000800}, 't');
    const Gva module = world.modules.add("veth");
    world.modules.set_region(module, {ModuleRegionKind::text, kModule, 0x1800});
    world.modules.set_region(module, {ModuleRegionKind::data, kModule + 0x2000, 0x1000});
    world.map(kModule, 0x3000000, PageWorld::kText);
    world.map(kModule + 0x1000, 0x3005000, PageWorld::kText);
    world.map(kModule + 0x2000, 0x3006000, PageWorld::kData);
  }
  Listing<ExecutablePages> look() {
    auto listing = executable_pages(world.kernel, true);
    if (!listing) {
      ADD_FAILURE() << listing.error().message;
      return {};
    }
    return std::move(*listing);
  }
  PageWorld world;
};

TEST_F(CodeOfAKernel, BelongsToModulesPageByPage) {
  const auto found = look();
  EXPECT_THAT(found.problems, IsEmpty());
  ASSERT_THAT(found.entries, SizeIs(1));
  const auto& text = found.entries[0];
  EXPECT_EQ(text.first, Gva{kModule});
  EXPECT_EQ(text.size, 0x2000u);
  EXPECT_EQ(text.gpa, Gpa{0x3000000});
  EXPECT_EQ(text.owner, Kind::module_text);
  EXPECT_EQ(text.owner_name, "veth");
  EXPECT_FALSE(text.writable);
  EXPECT_EQ(text.content, CodeContent::not_checked);
}

TEST_F(CodeOfAKernel, ThatNobodyClaimsHasNoOwner) {
  world.map(kModule + 0x2000, 0x3006000, PageWorld::kWritable);
  world.map(0xffffc90000010000, 0x3007000, PageWorld::kText);
  world.add_area(0xffffc90000010000, 0x2000, 0x1000900);
  const auto found = look();
  ASSERT_THAT(found.entries, SizeIs(3));
  EXPECT_EQ(found.entries[0].owner, std::nullopt);
  EXPECT_EQ(found.entries[0].area, "load_module");
  EXPECT_EQ(found.entries[1].owner, Kind::module_text);
  EXPECT_EQ(found.entries[2].owner, std::nullopt);
  EXPECT_EQ(found.entries[2].first, Gva{kModule + 0x2000});
  EXPECT_TRUE(found.entries[2].writable);
  EXPECT_EQ(found.entries[2].area, std::nullopt);
}

TEST_F(CodeOfAKernel, SpareMemoryIsFillerOnlyWhileItHoldsNothingElse) {
  world.add_area(kPool, 0x4000, 0x1000410);
  for (unsigned i = 0; i < 3; ++i) {
    world.map(kPool + i * 0x1000, 0x3010000 + i * 0x1000, PageWorld::kText);
    world.fill(0x3010000 + i * 0x1000, 0x1000, 0xcc);
  }
  world.fill(0x3011ff0, 1, 0x90);
  const auto found = look();
  ASSERT_THAT(found.entries, SizeIs(4));
  EXPECT_EQ(found.entries[1].owner, Kind::filler);
  EXPECT_EQ(found.entries[1].content, CodeContent::ok);
  EXPECT_EQ(found.entries[2].owner, std::nullopt);
  EXPECT_EQ(found.entries[2].first, Gva{kPool + 0x1000});
  EXPECT_EQ(found.entries[3].owner, Kind::filler);
}

TEST_F(CodeOfAKernel, FillerElsewhereIsNobodys) {
  world.add_area(kPool, 0x2000, 0x1000900);
  world.map(kPool, 0x3010000, PageWorld::kText);
  world.fill(0x3010000, 0x1000, 0xcc);
  const auto found = look();
  ASSERT_THAT(found.entries, SizeIs(2));
  EXPECT_EQ(found.entries[1].owner, std::nullopt);
}

TEST_F(CodeOfAKernel, InitTextCountsUntilAModuleGivesItUp) {
  const Gva module = world.modules.add("loading", 1);
  world.modules.set_region(module, {ModuleRegionKind::init_text, kPool, 0x1000});
  world.map(kPool, 0x3010000, PageWorld::kText);
  EXPECT_EQ(look().entries.back().owner, Kind::module_init_text);

  // A module counts as live before its init is over. One whose init failed is going with its init text still
  // there; only one that is not formed yet owns none.
  for (const std::uint32_t state : {0u, 2u, 3u}) {
    PageWorld later;
    const Gva other = later.modules.add("other", state);
    later.modules.set_region(other, {ModuleRegionKind::init_text, kPool, 0x1000});
    later.map(kPool, 0x3010000, PageWorld::kText);
    const auto found = executable_pages(later.kernel, true);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->entries.back().owner, state == 3 ? std::nullopt : std::optional(Kind::module_init_text));
  }
}

TEST_F(CodeOfAKernel, TheRealModePageStandsInItsOwnFrame) {
  constexpr std::uint64_t kBase = 0xffff888000000000;
  const Gva header = world.kernel.allocate(8);
  world.kernel.put_pointer(world.kernel.define_variable("real_mode_header", 8), header.value);
  world.kernel.put(header, std::uint64_t{0x99000} | (std::uint64_t{0x9b000} << 32));
  world.map(kBase + 0x99000, 0x99000, PageWorld::kText);
  world.map(kBase + 0x9a000, 0x3333000, PageWorld::kText);
  const auto found = look();
  ASSERT_THAT(found.entries, SizeIs(2));
  EXPECT_EQ(found.entries[0].owner, Kind::real_mode);
  EXPECT_EQ(found.entries[0].content, CodeContent::wrong);
  EXPECT_THAT(found.entries[0].why, HasSubstr("0x0000000003333000"));
}

TEST_F(CodeOfAKernel, IsNotToldWithoutNx) {
  world.kernel.mutable_identity().root.nxe = false;
  const auto found = executable_pages(world.kernel, true);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::unsupported);
}

TEST_F(CodeOfAKernel, OwnersMayOverlap) {
  const Gva other = world.modules.add("long");
  world.modules.set_region(other, {ModuleRegionKind::text, kModule - 0x1000, 0x8000});
  const auto found = look();
  for (const auto& row : found.entries) EXPECT_NE(row.owner, std::nullopt);
}

}  // namespace
}  // namespace ringside::guest::linux
