// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace ringside {
namespace {

const Bytes kOneToNine = from_hex("010203040506070809").value();

TEST(Bytes, LoadsLittleEndianIntegersOfEveryWidth) {
  EXPECT_EQ(load_le<std::uint8_t>(kOneToNine, 8), 0x09);
  EXPECT_EQ(load_le<std::uint16_t>(kOneToNine, 1), 0x0302);
  EXPECT_EQ(load_le<std::uint32_t>(kOneToNine), 0x04030201U);
  EXPECT_EQ(load_le<std::uint64_t>(kOneToNine, 1), 0x0908070605040302U);
}

TEST(Bytes, LoadsBigEndianIntegersOfEveryWidth) {
  EXPECT_EQ(load_be<std::uint8_t>(kOneToNine, 8), 0x09);
  EXPECT_EQ(load_be<std::uint16_t>(kOneToNine, 1), 0x0203);
  EXPECT_EQ(load_be<std::uint32_t>(kOneToNine), 0x01020304U);
  EXPECT_EQ(load_be<std::uint64_t>(kOneToNine, 1), 0x0203040506070809U);
}

TEST(Bytes, LoadsNothingThatIsNotWhollyInside) {
  EXPECT_EQ(load_le<std::uint64_t>(kOneToNine, 2), std::nullopt);
  EXPECT_EQ(load_be<std::uint16_t>(kOneToNine, 8), std::nullopt);
  EXPECT_EQ(load_le<std::uint8_t>(kOneToNine, 9), std::nullopt);
  EXPECT_EQ(load_le<std::uint8_t>({}, 0), std::nullopt);
  EXPECT_EQ(load_be<std::uint32_t>(kOneToNine, std::numeric_limits<std::size_t>::max()), std::nullopt);
}

TEST(Bytes, HexGoesBothWays) {
  EXPECT_EQ(to_hex(as_bytes("\x0f\x01\xca")), "0f01ca");
  EXPECT_EQ(from_hex("0F 01\tcA\n"), from_hex("0f01ca"));
  EXPECT_EQ(to_hex(*from_hex("0f01ca")), "0f01ca");
  EXPECT_EQ(from_hex("")->size(), 0U);
}

TEST(Bytes, HexRefusesHalfABytesAndOtherCharacters) {
  for (const char* text : {"0", "0f1", "0g", "0 1", "0x01", "--"}) EXPECT_FALSE(from_hex(text)) << text;
}

TEST(Bytes, AddressesHaveSixteenDigits) {
  EXPECT_EQ(hex_address(0), "0x0000000000000000");
  EXPECT_EQ(hex_address(0xffffffff81000000), "0xffffffff81000000");
}

TEST(Bytes, NumbersAreDecimalOrHexadecimal) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse_number("0xFFFFffff81000000"), 0xffffffff81000000U);
  for (const char* text :
       {"", "0x", "-1", "+1", " 1", "1 ", "12x", "0x-1", "18446744073709551616", "0x1ffffffffffffffff"})
    EXPECT_FALSE(parse_number(text)) << text;
}

}  // namespace
}  // namespace ringside
