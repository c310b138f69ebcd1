// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/sysctl_value.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <span>
#include <string>

namespace ringside::guest::linux {
namespace {

using F = SysctlFormat;

template <class... T>
std::optional<std::string> written(F format, std::optional<unsigned> hz, T... values) {
  const std::array data = {values...};
  return format_sysctl(format, std::as_bytes(std::span(data)), 8, hz);
}

TEST(SysctlValue, NumbersAreWrittenWithTabsBetweenThem) {
  EXPECT_EQ(written(F::integers, {}, std::int32_t{-1}, std::int32_t{0}, std::int32_t{1024}), "-1\t0\t1024");
  EXPECT_EQ(written(F::unsigneds, {}, 0xffffffffu), "4294967295");
  EXPECT_EQ(written(F::bytes, {}, std::uint8_t{255}), "255");
  EXPECT_EQ(written(F::boolean, {}, std::uint8_t{1}), "1");
  EXPECT_EQ(written(F::longs, {}, ~std::uint64_t{0}, std::uint64_t{2}), "18446744073709551615\t2");
}

TEST(SysctlValue, ALongIsAsWideAsThePointersAre) {
  const std::array<std::uint32_t, 2> data = {7, 8};
  EXPECT_EQ(format_sysctl(F::longs, std::as_bytes(std::span(data)), 4, {}), "7\t8");
}

TEST(SysctlValue, ANumberThatIsCutIsLeftOut) {
  const std::array<std::uint8_t, 6> data = {1, 0, 0, 0, 2, 0};
  EXPECT_EQ(format_sysctl(F::integers, std::as_bytes(std::span(data)), 8, {}), "1");
}

TEST(SysctlValue, ATextEndsWithItsNul) {
  EXPECT_EQ(format_sysctl(F::text, as_bytes(std::string_view("core\0old", 8)), 8, {}), "core");
  EXPECT_EQ(format_sysctl(F::text, as_bytes("full"), 8, {}), "full");
  EXPECT_EQ(format_sysctl(F::text, {}, 8, {}), "");
}

TEST(SysctlValue, TicksAreConvertedAsTheKernelDoes) {
  EXPECT_EQ(written(F::seconds, 250, std::int32_t{1499}, std::int32_t{-1500}), "5\t-6");
  EXPECT_EQ(written(F::milliseconds, 250, std::int32_t{3}), "12");
  EXPECT_EQ(written(F::milliseconds, 300, std::int32_t{1}), "4") << "rounded up";
  EXPECT_EQ(written(F::user_ticks, 250, std::int32_t{250}), "100");
  EXPECT_EQ(written(F::user_ticks, 100, std::int32_t{7}), "7");
  EXPECT_EQ(written(F::longs_ms, 250, std::uint64_t{10}), "40");
  EXPECT_EQ(written(F::seconds, 250, std::numeric_limits<std::int32_t>::min()), "-8589934");
}

TEST(SysctlValue, TicksOfUnknownLengthGiveNoValue) {
  EXPECT_EQ(written(F::seconds, {}, std::int32_t{1}), std::nullopt);
  EXPECT_EQ(written(F::seconds, 0, std::int32_t{1}), std::nullopt);
}

TEST(SysctlValue, AnIdentifierHasItsDashes) {
  std::array<std::uint8_t, 16> data{};
  for (std::uint8_t i = 0; i < 16; ++i) data[i] = i;
  EXPECT_EQ(format_sysctl(F::uuid, std::as_bytes(std::span(data)), 8, {}),
            "00010203-0405-0607-0809-0a0b0c0d0e0f");
}

TEST(SysctlValue, ABitmapIsWrittenAsRanges) {
  const auto ranges = [](std::initializer_list<std::uint8_t> bytes) {
    return format_bitmap(std::as_bytes(std::span(bytes.begin(), bytes.size())));
  };
  EXPECT_EQ(ranges({0, 0}), "");
  EXPECT_EQ(ranges({0x01, 0x80}), "0,15");
  EXPECT_EQ(ranges({0xf0, 0x0f}), "4-11");
  EXPECT_EQ(ranges({0xff, 0xff}), "0-15");
}

}  // namespace
}  // namespace ringside::guest::linux
