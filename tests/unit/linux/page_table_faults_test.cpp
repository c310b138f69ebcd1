// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/pages/page_table_faults.h"

#include "tests/unit/support/page_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::PageWorld;
using ::testing::SizeIs;
using Kind = PageTableFaultKind;

constexpr std::uint64_t kImage = 0xffffffff81000000, kImageGpa = 0x3000000, kDirect = 0xffff888000000000,
                        kModule = 0xffffffffc0100000;

/// An image of 8 pages: 2 of text, 2 of read-only data, 4 of data; all of them in the direct map too.
class PageTablesOfAKernel : public ::testing::Test {
 protected:
  PageTablesOfAKernel() {
    auto& identity = world.kernel.mutable_identity();
    identity.image = {Gva{kImage}, Gva{kImage + 0x8000}};
    identity.text = {Gva{kImage}, Gva{kImage + 0x1f00}};
    identity.image_gpa = Gpa{kImageGpa};
    world.kernel.define("__start_rodata", Gva{kImage + 0x2000}, 'R');
    world.kernel.define("__end_rodata", Gva{kImage + 0x4000}, 'R');
    for (std::uint64_t i = 0; i < 8; ++i) {
      map_image(i, kImageGpa + i * 0x1000, i < 2 ? PageWorld::kText : rights(i));
      map_direct(i, rights(i));
    }
    world.map(kModule, 0x3100000, PageWorld::kText);
    world.map(kDirect + 0x3100000, 0x3100000, PageWorld::kRodata);
  }
  static std::uint64_t rights(std::uint64_t page) { return page < 4 ? PageWorld::kRodata : PageWorld::kData; }
  void map_image(std::uint64_t page, std::uint64_t gpa, std::uint64_t with) {
    world.map(kImage + page * 0x1000, gpa, with);
  }
  void map_direct(std::uint64_t page, std::uint64_t with) {
    const std::uint64_t gpa = kImageGpa + page * 0x1000;
    world.map(kDirect + gpa, gpa, with);
  }
  std::vector<Gva> look(Kind kind) {
    const auto found = page_table_faults(world.kernel, kind);
    if (!found) {
      ADD_FAILURE() << found.error().message;
      return {};
    }
    for (const auto& problem : found->problems) problems.push_back(problem.message);
    std::vector<Gva> places;
    for (const auto& fault : found->entries) {
      EXPECT_EQ(fault.kind, kind);
      places.push_back(fault.gva);
      whats.push_back(fault.what);
    }
    return places;
  }
  PageWorld world;
  std::vector<std::string> problems, whats;
};

TEST_F(PageTablesOfAKernel, AreWithoutFaultsWhileHealthy) {
  for (std::size_t i = 0; i < kPageTableFaultKinds; ++i) {
    // Which address spaces there are is another question.
    if (const auto kind = static_cast<Kind>(i); kind != Kind::mm_differs) {
      EXPECT_THAT(look(kind), IsEmpty()) << to_string(kind);
    }
  }
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(PageTablesOfAKernel, ShowAPageThatUserModeCanReach) {
  world.map(kModule + 0x5000, 0x3200000, PageWorld::kData | PageWorld::kUser);
  EXPECT_THAT(look(Kind::user_page), ElementsAre(Gva{kModule + 0x5000}));
  EXPECT_THAT(whats[0], HasSubstr("a table above it"));
}

TEST_F(PageTablesOfAKernel, ShowAUserPageBelowTablesThatAllowIt) {
  world.map(0xffffc90000000000, 0x3200000, PageWorld::kData | PageWorld::kUser,
            PageWorld::kWritable | PageWorld::kUser);
  world.map(0xffffc90000001000, 0x3201000, PageWorld::kData);
  EXPECT_THAT(look(Kind::user_page), ElementsAre(Gva{0xffffc90000000000}));
  EXPECT_THAT(whats[0], HasSubstr("can reach"));
}

TEST_F(PageTablesOfAKernel, ShowAPageThatIsWritableAndExecutable) {
  map_image(5, kImageGpa + 0x5000, PageWorld::kWritable);
  EXPECT_THAT(look(Kind::writable_executable), ElementsAre(Gva{kImage + 0x5000}));
}

TEST_F(PageTablesOfAKernel, ShowWritableTextWhereItStands) {
  map_image(1, kImageGpa + 0x1000, PageWorld::kWritable | PageWorld::kNoExecute);
  EXPECT_THAT(look(Kind::writable_code), ElementsAre(Gva{kImage + 0x1000}));
  EXPECT_THAT(whats, ElementsAre("the kernel's text is writable"));
}

TEST_F(PageTablesOfAKernel, ShowAWritableAliasOfTextAndOfModules) {
  map_direct(0, PageWorld::kData);
  world.map(0xffffc90000005000, 0x3100000, PageWorld::kData);
  EXPECT_THAT(look(Kind::writable_code), ElementsAre(Gva{kDirect + kImageGpa}, Gva{0xffffc90000005000}));
  EXPECT_THAT(whats[1], HasSubstr("at 0xffffffffc0100000 is writable here"));
}

TEST_F(PageTablesOfAKernel, ShowAnAliasThatReachesOverSeveralKinds) {
  for (std::uint64_t i = 1; i < 4; ++i) map_direct(i, PageWorld::kData);
  EXPECT_THAT(look(Kind::writable_code), ElementsAre(Gva{kDirect + kImageGpa + 0x1000}));
  EXPECT_THAT(look(Kind::writable_rodata), ElementsAre(Gva{kDirect + kImageGpa + 0x2000}));
}

TEST_F(PageTablesOfAKernel, ShowWritableReadOnlyDataOfModulesThatAreLive) {
  for (const std::uint32_t state : {0u, 1u}) {
    const Gva module = world.modules.add("m" + std::to_string(state), state);
    world.modules.set_region(module, {ModuleRegionKind::rodata, kModule + 0x8000 + state * 0x1000, 0x800});
    world.map(kModule + 0x8000 + state * 0x1000, 0x3300000 + state * 0x1000, PageWorld::kData);
  }
  EXPECT_THAT(look(Kind::writable_rodata), ElementsAre(Gva{kModule + 0x8000}));
  EXPECT_THAT(whats[0], HasSubstr("read-only data of m0"));
}

TEST_F(PageTablesOfAKernel, ShowAPageOfTheImageThatLeadsElsewhere) {
  map_image(3, 0x3200000, PageWorld::kRodata);
  EXPECT_THAT(look(Kind::image_moved), ElementsAre(Gva{kImage + 0x3000}));
}

TEST_F(PageTablesOfAKernel, ShowCodeOfAModuleThatLeadsElsewhere) {
  constexpr std::uint64_t kMap = 0xffffea0000000000;
  world.set_frames(world.add_area(kModule, 0x2000, 0x1000100), {0x3100000}, kMap);
  EXPECT_THAT(look(Kind::area_moved), IsEmpty());
  PageWorld moved;
  moved.map(kModule, 0x3101000, PageWorld::kText);
  moved.set_frames(moved.add_area(kModule, 0x2000, 0x1000100), {0x3100000}, kMap);
  const auto found = page_table_faults(moved.kernel, Kind::area_moved);
  ASSERT_TRUE(found);
  EXPECT_THAT(found->problems, IsEmpty());
  ASSERT_THAT(found->entries, SizeIs(1));
  EXPECT_EQ(found->entries[0].gpa, Gpa{0x3101000});
}

TEST_F(PageTablesOfAKernel, ShowAMappedUserHalf) {
  world.put_entry(world.root(), 3, 0x3400000 | 7);
  EXPECT_THAT(look(Kind::user_half), ElementsAre(Gva{std::uint64_t{3} << 39}));
}

/// With a kernel half that is shared by the address space for patching text.
class SharedKernelHalf : public PageTablesOfAKernel {
 protected:
  SharedKernelHalf() {
    root = world.new_root();
    world.kernel.put_pointer(world.kernel.define_variable("poking_mm", 8), world.add_mm(root).value);
    world.put_entry(root, 5, 0x3500000 | 7);  // its user half is its own
  }
  std::uint64_t root = 0;
};

TEST_F(SharedKernelHalf, IsTheSameButForAccessedAndDirty) {
  world.put_entry(root, 511, world.entry_of(root, 511) | 0x60);
  EXPECT_THAT(look(Kind::mm_differs), IsEmpty());
}

TEST_F(SharedKernelHalf, MayLackAnEntry) {
  world.put_entry(root, 511, 0);
  EXPECT_THAT(look(Kind::mm_differs), IsEmpty());
}

TEST_F(SharedKernelHalf, HasNoTableOfItsOwn) {
  world.put_entry(root, 511, 0x3600000 | 3);
  EXPECT_THAT(look(Kind::mm_differs), ElementsAre(Gva{0xffffff8000000000}));
  EXPECT_THAT(whats[0], HasSubstr("poking_mm"));
}

TEST_F(SharedKernelHalf, HasNoLdtOfItsOwnWithoutIsolation) {
  world.put_entry(root, 272, 0x3600000 | 3);
  EXPECT_THAT(look(Kind::mm_differs), ElementsAre(Gva{0xffff880000000000}));
}

TEST_F(SharedKernelHalf, IsHeldAgainstWhatUserModeSeesUnderIsolation) {
  world.kernel.mutable_identity().isolation = true;
  world.put_entry(root, 272, 0x3600000 | 3);
  world.put_entry(root + 0x1000, 400, 0x3700000 | 3);
  EXPECT_THAT(look(Kind::mm_differs), ElementsAre(Gva{0xffffc80000000000}));
  EXPECT_THAT(whats[0], HasSubstr("user mode of poking_mm"));
}

TEST_F(PageTablesOfAKernel, AreEnoughAtThousandFaultsOfAKind) {
  for (std::uint64_t i = 0; i < 3000; ++i)
    world.map(0xffffc90000000000 + i * 0x2000, 0x3200000, PageWorld::kWritable);
  EXPECT_THAT(look(Kind::writable_executable), SizeIs(kMaxFaultsOfAKind));
}

}  // namespace
}  // namespace ringside::guest::linux
