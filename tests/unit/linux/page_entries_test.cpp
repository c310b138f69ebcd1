// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/page_entries.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using x86::PagingMode;

TEST(PageEntries, WithoutAccessHoldTheirFrameInverted) {
  const std::uint64_t frame = 0x12345000;
  const std::uint64_t entry = (~frame & 0x000ffffffffff000) | 0x100;
  const auto found = decode_absent_entry(PagingMode::four_level, 1, entry);
  EXPECT_EQ(found.kind, AbsentEntry::Kind::no_access);
  EXPECT_EQ(found.gpa, Gpa{frame});
  const auto large =
      decode_absent_entry(PagingMode::four_level, 2, (~0x12200000ull & 0x000fffffffe00000) | 0x180);
  EXPECT_EQ(large.gpa, Gpa{0x12200000});
  // 32-bit entries have no bits to invert.
  EXPECT_EQ(decode_absent_entry(PagingMode::two_level, 1, 0x12345100).gpa, Gpa{0x12345000});
}

TEST(PageEntries, OfSwappedPagesHoldAreaAndPlace) {
  const std::uint64_t type = 2, offset = 0x12345;
  const std::uint64_t wide = (type << 59) | (~(offset << 9) & 0x07fffffffffffe00);
  for (const auto mode : {PagingMode::pae, PagingMode::four_level, PagingMode::five_level}) {
    const auto found = decode_absent_entry(mode, 1, wide);
    EXPECT_EQ(found.kind, AbsentEntry::Kind::swap);
    EXPECT_EQ(found.type, type);
    EXPECT_EQ(found.offset, offset);
  }
  const auto narrow = decode_absent_entry(PagingMode::two_level, 1, (offset << 9) | (type << 1));
  EXPECT_EQ(narrow.type, type);
  EXPECT_EQ(narrow.offset, offset);
}

}  // namespace
}  // namespace ringside::guest::linux
