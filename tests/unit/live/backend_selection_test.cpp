// SPDX-License-Identifier: Apache-2.0
#include "guest/live/backend_selection.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ringside::guest::live {
namespace {

using memory::MemoryMap;
using memory::MemoryRange;

TEST(ParseBackend, KnowsTheNames) {
  EXPECT_EQ(*parse_backend("auto"), Backend::automatic);
  EXPECT_EQ(*parse_backend("mapped"), Backend::mapped);
  EXPECT_EQ(*parse_backend("process"), Backend::process);
  EXPECT_EQ(*parse_backend("gdbstub"), Backend::gdbstub);
  EXPECT_EQ(*parse_backend("qmp"), Backend::qmp);
  EXPECT_EQ(parse_backend("Mapped").error().code, Errc::invalid_argument);
}

TEST(ParseXp, GivesBytesInMemoryOrder) {
  const auto bytes = parse_xp(
      "0000000000001000: 0x0807060504030201 0x0000000000000000\r\n0000000000001010: 0x0000000000000000 "
      "0x0000000000000000\r\n0000000000001020: 0x0000000000000000 0x0000000000000000\r\n0000000000001030: "
      "0x0000000000000000 0xff00000000000000\r\n");
  ASSERT_TRUE(bytes);
  ASSERT_EQ(bytes->size(), 64u);
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ((*bytes)[i], static_cast<std::byte>(i + 1));
  EXPECT_EQ((*bytes)[63], std::byte{0xff});
}

TEST(ParseXp, IsMalformedIfCutOrNoDump) {
  for (const char* text : {"", "Cannot access memory\r\n", "0000000000001000: 0x0807060504030201\r\n",
                           "1000: 0x1 0x2\r\n1010: 0x1 0x2\r\n"})
    EXPECT_FALSE(parse_xp(text)) << text;
}

/// A guest of 64 pages of RAM behind a ROM, seen in two ways.
class CompareMemory : public ::testing::Test {
 protected:
  CompareMemory() {
    for (std::size_t i = 0; i < theirs.size(); ++i) theirs[i] = static_cast<std::byte>(i * 7 / 64 + 1);
    ours = theirs;
  }
  static MemoryReader reader(Bytes& bytes) {
    return [&bytes](Gpa gpa, std::span<std::byte> into) -> Result<void> {
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(gpa.value), into.size(), into.begin());
      return {};
    };
  }
  Result<void> compare() { return compare_memory(map, "ram", reader(ours), reader(theirs)); }

  MemoryMap map =
      *MemoryMap::create({{Gpa{0}, 64 * kPageSize, MemoryRange::Kind::ram, "ram", 0, Hva{}},
                          {Gpa{64 * kPageSize}, kPageSize, MemoryRange::Kind::rom, "bios", 0, Hva{}}});
  Bytes ours, theirs = Bytes(65 * kPageSize);
};

TEST_F(CompareMemory, AgreesOnEqualBytes) {
  EXPECT_TRUE(compare());
}

TEST_F(CompareMemory, SeesAnotherFile) {
  std::reverse(ours.begin(), ours.end());
  EXPECT_EQ(compare().error().code, Errc::mismatch);
}

TEST_F(CompareMemory, AFreshFileIsAnotherFile) {
  std::fill(ours.begin(), ours.end(), std::byte{0});
  EXPECT_EQ(compare().error().code, Errc::mismatch);
}

TEST_F(CompareMemory, ZerosProveNothing) {
  std::fill(ours.begin(), ours.end(), std::byte{0});
  std::fill(theirs.begin(), theirs.end(), std::byte{0});
  EXPECT_EQ(compare().error().code, Errc::unavailable);
}

TEST_F(CompareMemory, LooksBeyondEmptyMemory) {
  std::fill_n(ours.begin(), 60 * kPageSize, std::byte{0});
  theirs = ours;
  EXPECT_TRUE(compare());
  theirs[61 * kPageSize] ^= std::byte{1};
  EXPECT_EQ(compare().error().code, Errc::mismatch);
}

TEST_F(CompareMemory, AByteThatChangesBetweenTwoLooksIsLookedAtAgain) {
  int looks = 0;
  const auto changing = [&](Gpa gpa, std::span<std::byte> into) -> Result<void> {
    const auto read = reader(theirs)(gpa, into);
    if (gpa.value == 0 && looks++ == 0) into[0] ^= std::byte{1};
    return read;
  };
  EXPECT_TRUE(compare_memory(map, "ram", changing, reader(theirs)));
}

TEST_F(CompareMemory, AFailedReadIsTheAnswer) {
  const MemoryReader broken = [](Gpa, std::span<std::byte>) -> Result<void> {
    return fail(Errc::gone, "ended");
  };
  EXPECT_EQ(compare_memory(map, "ram", broken, reader(theirs)).error().code, Errc::gone);
}

}  // namespace
}  // namespace ringside::guest::live
