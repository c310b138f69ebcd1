// SPDX-License-Identifier: Apache-2.0
#include "guest/address_space.h"

#include "table_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::guest {
namespace {

using x86::kP;
using x86::kRw;
using x86::PagingMode;
using x86::TableBuilder;

class AddressSpaceTest : public ::testing::Test {
 protected:
  testing::FakeMemory memory_{std::uint64_t{16} << 20};
  TableBuilder tables_{memory_, PagingMode::four_level};
  Snapshot snapshot_{{}, {}, memory_};
};

TEST_F(AddressSpaceTest, ReadsAcrossPagesThatLieApart) {
  tables_.set(0x1000, 1, 0x9000 | kP);
  tables_.set(0x2000, 1, 0x5000 | kP);
  memory_.put(Gpa{0x9ffc}, std::uint32_t{0x44332211});
  memory_.put(Gpa{0x5000}, std::uint32_t{0x88776655});
  AddressSpace space(snapshot_, tables_.root());
  EXPECT_EQ(*space.read<std::uint64_t>(Gva{0x1ffc}), 0x8877665544332211u);
  EXPECT_EQ(*space.translate(Gva{0x2123}), Gpa{0x5123});
}

TEST_F(AddressSpaceTest, ReadsAcrossSmallPartsOfALargePage) {
  tables_.set(0x200000, 2, 0x400000 | kP | x86::kPs);
  memory_.put(Gpa{0x432100}, std::uint32_t{0xabcdef01});
  AddressSpace space(snapshot_, tables_.root());
  EXPECT_EQ(*space.read<std::uint32_t>(Gva{0x232100}), 0xabcdef01u);
  EXPECT_EQ(*space.translate(Gva{0x3fffff}), Gpa{0x5fffff});
}

TEST_F(AddressSpaceTest, NamesTheFirstAddressThatCannotBeRead) {
  tables_.set(0x1000, 1, 0x9000 | kP);
  tables_.set(0x3000, 1, 0xfee00000 | kP);
  AddressSpace space(snapshot_, tables_.root());
  const auto unmapped = space.read<std::uint64_t>(Gva{0x1ffc});
  ASSERT_FALSE(unmapped);
  EXPECT_EQ(unmapped.error().code, Errc::not_mapped);
  EXPECT_THAT(unmapped.error().message, ::testing::HasSubstr("0x0000000000002000"));
  EXPECT_EQ(space.read<std::uint64_t>(Gva{0x3000}).error().code, Errc::not_ram);
  EXPECT_EQ(space.read<std::uint64_t>(Gva{0x800000000000}).error().code, Errc::non_canonical);
}

TEST_F(AddressSpaceTest, NeverWrapsAtTheTop) {
  tables_.set(0xfffffffffffff000, 1, 0x9000 | kP);
  tables_.set(0, 1, 0x5000 | kP);
  AddressSpace space(snapshot_, tables_.root());
  EXPECT_TRUE(space.read<std::uint64_t>(Gva{0xfffffffffffffff8}));
  EXPECT_EQ(space.read<std::uint64_t>(Gva{0xfffffffffffffff9}).error().code, Errc::non_canonical);
  EXPECT_TRUE(space.read(Gva{0xffffffffffffffff}, {}));
}

TEST_F(AddressSpaceTest, WithPagingOffReadsPhysicalMemoryBelow4GiB) {
  memory_.put(Gpa{0x1234}, std::uint16_t{0xbeef});
  AddressSpace space(snapshot_, x86::PagingRoot{});
  EXPECT_EQ(*space.read<std::uint16_t>(Gva{0x1234}), 0xbeef);
  EXPECT_EQ(space.read<std::uint64_t>(Gva{0xfffffffc}).error().code, Errc::not_ram);
  EXPECT_EQ(space.read<std::uint16_t>(Gva{0x100000000}).error().code, Errc::non_canonical);
}

TEST_F(AddressSpaceTest, EveryReadSetHoldsTheEntriesBehindItsReads) {
  tables_.set(0x1000, 1, 0x9000 | kP);
  AddressSpace space(snapshot_, tables_.root());
  ReadSet first, second;
  for (ReadSet* reads : {&first, &second}) {
    snapshot_.record_into(reads);
    ASSERT_TRUE(space.read<std::uint64_t>(Gva{0x1000}));
    ASSERT_TRUE(space.read<std::uint64_t>(Gva{0x1000}));
    EXPECT_TRUE(reads->unchanged_in(memory_));
  }
  snapshot_.record_into(nullptr);
  tables_.set(0x1000, 1, 0xa000 | kP);  // another page with the same bytes
  EXPECT_FALSE(first.unchanged_in(memory_));
  EXPECT_FALSE(second.unchanged_in(memory_));
}

}  // namespace
}  // namespace ringside::guest
