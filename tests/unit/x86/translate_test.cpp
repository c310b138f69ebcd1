// SPDX-License-Identifier: Apache-2.0
#include "table_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest::x86 {
namespace {

using ::testing::HasSubstr;

class Translate : public ::testing::Test {
 protected:
  /// Each call reads afresh.
  tl::expected<Translation, WalkFailure> translate(TableBuilder& tables, std::uint64_t gva) {
    Snapshot snapshot({}, {}, memory_);
    return PageTables(snapshot, tables.root()).translate(Gva{gva});
  }
  Errc failure(TableBuilder& tables, std::uint64_t gva) {
    const auto found = translate(tables, gva);
    EXPECT_FALSE(found) << std::hex << gva;
    return found ? Errc{} : found.error().error.code;
  }

  testing::FakeMemory memory_{std::uint64_t{64} << 20};
};

TEST_F(Translate, FourLevelGivesEveryStep) {
  TableBuilder tables(memory_, PagingMode::four_level);
  tables.set(0xffffffff81234000, 1, 0x1234000 | kP | kG | kA | kXd);
  const auto found = translate(tables, 0xffffffff81234567);
  ASSERT_TRUE(found) << found.error().error.message;
  EXPECT_EQ(found->gpa, Gpa{0x1234567});
  EXPECT_EQ(found->page_size, 4096u);
  EXPECT_EQ(found->permissions, (Permissions{false, false, false}));
  EXPECT_TRUE(found->global);
  EXPECT_TRUE(found->accessed);
  EXPECT_FALSE(found->dirty);
  ASSERT_EQ(found->step_count, 4u);
  EXPECT_EQ(found->steps[0].level, 4u);
  EXPECT_EQ(found->steps[0].entry_gpa, tables.root().table + 511 * 8);
  EXPECT_EQ(found->steps[3].level, 1u);
  EXPECT_EQ(found->steps[3].entry, 0x1234000 | kP | kG | kA | kXd);
  EXPECT_EQ(found->steps[3].entry_gpa, tables.table(0xffffffff81234000, 1) + 0x34 * 8);
}

TEST_F(Translate, LargePagesOfEveryMode) {
  TableBuilder four(memory_, PagingMode::four_level);
  four.set(0xffff888000200000, 2, 0x600000 | kP | kRw | kPs | 0x1000);  // bit 12: PAT
  EXPECT_EQ(translate(four, 0xffff8880003abcde)->gpa, Gpa{0x7abcde});
  EXPECT_EQ(translate(four, 0xffff8880003abcde)->page_size, 2u << 20);
  four.set(0xffff888040000000, 3, 0x140000000 | kP | kRw | kPs);
  EXPECT_EQ(translate(four, 0xffff88807fffffff)->gpa, Gpa{0x17fffffff});
  EXPECT_EQ(translate(four, 0xffff88807fffffff)->page_size, 1u << 30);
  EXPECT_EQ(translate(four, 0xffff88807fffffff)->step_count, 2u);

  TableBuilder five(memory_, PagingMode::five_level);
  five.set(0xff11000000200000, 2, 0x600000 | kP | kPs);
  EXPECT_EQ(translate(five, 0xff11000000200001)->gpa, Gpa{0x600001});
  EXPECT_EQ(translate(five, 0xff11000000200001)->step_count, 4u);

  TableBuilder pae(memory_, PagingMode::pae);
  pae.set(0xc0200000, 2, 0x123400000 | kP | kRw | kPs);
  EXPECT_EQ(translate(pae, 0xc0212345)->gpa, Gpa{0x123412345});

  TableBuilder two(memory_, PagingMode::two_level);
  two.set(0xc0400000, 2, 0x00c00000 | kP | kRw | kPs);
  EXPECT_EQ(translate(two, 0xc0654321)->gpa, Gpa{0x00e54321});
  EXPECT_EQ(translate(two, 0xc0654321)->page_size, 4u << 20);
}

TEST_F(Translate, Pse36PutsAddressBitsAbove32Into13To20) {
  TableBuilder tables(memory_, PagingMode::two_level);
  tables.set(0xc0400000, 2, 0x00c00000 | (0xa5u << 13) | kP | kPs);
  EXPECT_EQ(translate(tables, 0xc0400010)->gpa, Gpa{0xa500c00010});
  tables.root().physical_bits = 36;
  EXPECT_EQ(failure(tables, 0xc0400010), Errc::malformed);
}

TEST_F(Translate, WithoutPseBit7OfAPdeMeansNothing) {
  TableBuilder tables(memory_, PagingMode::two_level);
  tables.root().pse = false;
  const Gpa table = tables.new_table();
  tables.set(0xc0400000, 2, table.value | kP | kRw | kPs);
  tables.put(table + 5 * 4, 0x777000 | kP);
  EXPECT_EQ(translate(tables, 0xc0405123)->gpa, Gpa{0x777123});
  EXPECT_EQ(translate(tables, 0xc0405123)->page_size, 4096u);
}

TEST_F(Translate, TwoLevelMapsSmallPagesAndHasNoNx) {
  TableBuilder tables(memory_, PagingMode::two_level);
  tables.set(0xc0123000, 1, 0x456000 | kP | kUs);
  const auto found = translate(tables, 0xc0123fff);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->gpa, Gpa{0x456fff});
  EXPECT_EQ(found->permissions, (Permissions{false, true, true}));
  EXPECT_EQ(found->step_count, 2u);
}

TEST_F(Translate, RightsAreTheLeastOfAllLevels) {
  for (unsigned level = 1; level <= 4; ++level) {
    TableBuilder tables(memory_, PagingMode::four_level);
    tables.set(0x400000, 1, 0x1000 | kP | kRw | kUs);
    EXPECT_EQ(translate(tables, 0x400000)->permissions, (Permissions{true, true, true}));
    const std::uint64_t next = level == 1 ? 0x1000 : tables.table(0x400000, level - 1).value;
    tables.set(0x400000, level, next | kP | kUs);
    EXPECT_EQ(translate(tables, 0x400000)->permissions, (Permissions{false, true, true})) << level;
    tables.set(0x400000, level, next | kP | kRw);
    EXPECT_EQ(translate(tables, 0x400000)->permissions, (Permissions{true, false, true})) << level;
    tables.set(0x400000, level, next | kP | kRw | kUs | kXd);
    EXPECT_EQ(translate(tables, 0x400000)->permissions, (Permissions{true, true, false})) << level;
    tables.root().nxe = false;  // then bit 63 is reserved
    EXPECT_EQ(failure(tables, 0x400000), Errc::malformed) << level;
  }
}

TEST_F(Translate, PaePdptesHoldNoRightsAndMayStandAnywhereOn32Bytes) {
  TableBuilder tables(memory_, PagingMode::pae);
  const Gpa directory = tables.table(0xc0000000, 2);
  tables.set(0xc0001000, 1, 0x9000 | kP | kRw | kUs | kXd);
  EXPECT_EQ(translate(tables, 0xc0001000)->permissions, (Permissions{true, true, false}));
  tables.root().table = Gpa{0x80fe0};
  tables.put(Gpa{0x80fe0 + 3 * 8}, directory.value | kP);
  EXPECT_EQ(translate(tables, 0xc0001234)->gpa, Gpa{0x9234});
  // TCG marks a PDPTE accessed, though that bit is reserved there.
  tables.put(Gpa{0x80fe0 + 3 * 8}, directory.value | kP | kA);
  EXPECT_EQ(translate(tables, 0xc0001234)->gpa, Gpa{0x9234});
  for (std::uint64_t bit : {kRw, kUs, kPs, kG, std::uint64_t{1} << 52, kXd}) {
    tables.put(Gpa{0x80fe0 + 3 * 8}, directory.value | kP | bit);
    EXPECT_EQ(failure(tables, 0xc0001234), Errc::malformed) << std::hex << bit;
  }
}

TEST_F(Translate, ReservedBitsMapNothing) {
  TableBuilder tables(memory_, PagingMode::four_level);
  tables.set(0, 3, kP | kPs | (1u << 13));
  EXPECT_EQ(failure(tables, 0), Errc::malformed);
  tables.set(0x40000000, 2, kP | kPs | (1u << 20));
  EXPECT_EQ(failure(tables, 0x40000000), Errc::malformed);
  tables.set(0xffff800000000000, 4, 0x2000 | kP | kPs);
  const auto found = translate(tables, 0xffff800000000000);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().error.message, HasSubstr("PML4E"));
  EXPECT_THAT(found.error().error.message, HasSubstr("reserved"));
  EXPECT_EQ(found.error().step_count, 1u);
  tables.set(0x80000000, 1, (std::uint64_t{1} << 51) | kP);
  EXPECT_EQ(translate(tables, 0x80000000)->gpa, Gpa{std::uint64_t{1} << 51});
  tables.root().physical_bits = 46;
  EXPECT_EQ(failure(tables, 0x80000000), Errc::malformed);

  TableBuilder pae(memory_, PagingMode::pae);
  pae.set(0xc0000000, 1, 0x1000 | kP | (std::uint64_t{1} << 52));
  EXPECT_EQ(failure(pae, 0xc0000000), Errc::malformed);
  TableBuilder two(memory_, PagingMode::two_level);
  two.set(0xc0000000, 2, kP | kPs | (1u << 21));
  EXPECT_EQ(failure(two, 0xc0000000), Errc::malformed);
}

TEST_F(Translate, NotPresentKeepsTheStepsSoFar) {
  TableBuilder tables(memory_, PagingMode::four_level);
  tables.set(0x1000, 1, 0x1000 | kP);
  const auto found = translate(tables, 0x200000);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().error.code, Errc::not_mapped);
  EXPECT_EQ(found.error().step_count, 3u);
  EXPECT_THAT(found.error().error.message, HasSubstr("PDE"));
  tables.set(0x200000, 1, ~kP);  // every other bit set
  EXPECT_EQ(failure(tables, 0x200000), Errc::not_mapped);
}

TEST_F(Translate, NonCanonicalAddressesNeverWalk) {
  TableBuilder four(memory_, PagingMode::four_level);
  four.set(0x7ffffffff000, 1, 0x1000 | kP);
  four.set(0xffff800000000000, 1, 0x2000 | kP);
  EXPECT_EQ(translate(four, 0x7fffffffffff)->gpa, Gpa{0x1fff});
  EXPECT_EQ(translate(four, 0xffff800000000000)->gpa, Gpa{0x2000});
  for (std::uint64_t gva : {0x800000000000u, 0xffff7fffffffffffu, 0x8000000000000000u, 0x0001000000000000u})
    EXPECT_EQ(failure(four, gva), Errc::non_canonical);
  EXPECT_TRUE(is_canonical(Gva{0xff00000000000000}, PagingMode::five_level));
  EXPECT_FALSE(is_canonical(Gva{0x0100000000000000}, PagingMode::five_level));
  EXPECT_FALSE(is_canonical(Gva{0xff00000000000000}, PagingMode::four_level));
  EXPECT_TRUE(is_canonical(Gva{0xffffffff}, PagingMode::pae));
  EXPECT_FALSE(is_canonical(Gva{0x100000000}, PagingMode::pae));
}

TEST_F(Translate, TablesOutsideRamAreNamed) {
  TableBuilder tables(memory_, PagingMode::four_level);
  tables.set(0x1000, 2, 0xfee00000 | kP | kRw);  // the local APIC
  const auto found = translate(tables, 0x1000);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().error.code, Errc::not_ram);
  EXPECT_EQ(found.error().step_count, 3u);
  EXPECT_THAT(found.error().error.message, HasSubstr("PTE"));
  tables.root().table = Gpa{0x000ffffffffff000};
  EXPECT_EQ(failure(tables, 0x1000), Errc::not_ram);
}

TEST_F(Translate, ASelfPointingTableEndsAtLevelOne) {
  TableBuilder tables(memory_, PagingMode::five_level);
  const std::uint64_t self = tables.root().table.value;
  for (unsigned i = 0; i < 512; ++i) tables.put(tables.root().table + i * 8, self | kP | kRw);
  const auto found = translate(tables, 0xff123456789abcde);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->gpa, Gpa{self + 0xcde});
  EXPECT_EQ(found->step_count, 5u);
}

TEST_F(Translate, WithPagingOffAddressesAreEqual) {
  Snapshot snapshot({}, {}, memory_);
  const PageTables tables(snapshot, PagingRoot{});
  EXPECT_EQ(tables.translate(Gva{0x12345})->gpa, Gpa{0x12345});
  EXPECT_FALSE(tables.translate(Gva{0x100000000}));
}

TEST(PagingRoot, TakesTheAddressOutOfCr3) {
  CpuState cpu;
  cpu.cr0 = cr0::kPe | cr0::kPg | cr0::kWp;
  cpu.cr3 = 0xe00000012345fff;  // LAM and PCID bits
  cpu.cr4 = cr4::kPae | cr4::kSmep;
  cpu.efer = efer::kLma | efer::kLme | efer::kNxe;
  const PagingRoot root = PagingRoot::of(cpu);
  EXPECT_EQ(root.mode, PagingMode::four_level);
  EXPECT_EQ(root.table, Gpa{0x0000000012345000});
  EXPECT_TRUE(root.nxe && root.wp && root.smep);
  EXPECT_FALSE(root.smap || root.pse);
  cpu.efer = 0;
  EXPECT_EQ(PagingRoot::of(cpu).table, Gpa{0x12345fe0});
  cpu.cr4 = cr4::kPse;
  EXPECT_EQ(PagingRoot::of(cpu).table, Gpa{0x12345000});
  EXPECT_TRUE(PagingRoot::of(cpu).pse);
}

}  // namespace
}  // namespace ringside::guest::x86
