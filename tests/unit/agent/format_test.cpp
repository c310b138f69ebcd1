// SPDX-License-Identifier: Apache-2.0
#include "agent/output/format.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using namespace std::chrono_literals;

TEST(HumanSize, UsesBinaryUnits) {
  EXPECT_EQ(human_size(0), "0 bytes");
  EXPECT_EQ(human_size(1), "1 byte");
  EXPECT_EQ(human_size(1023), "1023 bytes");
  EXPECT_EQ(human_size(4096), "4 KiB");
  EXPECT_EQ(human_size(256ull << 20), "256 MiB");
  EXPECT_EQ(human_size(1536), "1.5 KiB");
  EXPECT_EQ(human_size(~0ull), "16777216.0 TiB");
}

TEST(Rfc3339, IsUtcWithMicrosecondsWhereThereAreSome) {
  EXPECT_EQ(rfc3339(std::chrono::sys_time<std::chrono::microseconds>(1'700'000'000s)),
            "2023-11-14T22:13:20Z");
  EXPECT_EQ(rfc3339(std::chrono::sys_time<std::chrono::microseconds>(1'700'000'000s + 42us)),
            "2023-11-14T22:13:20.000042Z");
}

TEST(ParseDuration, TakesUnits) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("2s"), 2'000ms);
  EXPECT_EQ(parse_duration("1.5s"), 1'500ms);
  EXPECT_EQ(parse_duration("3"), 3'000ms);
  EXPECT_EQ(parse_duration("5m"), 300'000ms);
  EXPECT_EQ(parse_duration("1h"), 3'600'000ms);
}

TEST(ParseDuration, RefusesNonsense) {
  for (const char* text : {"", "s", "-1s", "0s", "0.1ms", "1d", "25h", "nan", "inf", "1e400s", "1s "})
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
}

TEST(ParseSize, TakesBinaryUnits) {
  EXPECT_EQ(parse_size("64"), 64u);
  EXPECT_EQ(parse_size("0x40"), 64u);
  EXPECT_EQ(parse_size("4K"), 4096u);
  EXPECT_EQ(parse_size("2M"), 2u << 20);
  EXPECT_EQ(parse_size("1G"), 1u << 30);
}

TEST(ParseSize, RefusesNonsenseAndOverflow) {
  for (const char* text : {"", "K", "-1", "1KB", "17179869184G", "99999999999999999999"})
    EXPECT_FALSE(parse_size(text).has_value()) << text;
}

TEST(Hexdump, ShowsAddressBytesAndCharacters) {
  EXPECT_EQ(hexdump(0x1000, as_bytes("ABCDEFGHIJKLMNOP")),
            "0000000000001000  41 42 43 44 45 46 47 48  49 4a 4b 4c 4d 4e 4f 50  |ABCDEFGHIJKLMNOP|\n");
  EXPECT_EQ(hexdump(0x10, as_bytes("A\x1b")),
            "0000000000000010  41 1b                                             |A.|\n");
  EXPECT_EQ(hexdump(0, {}), "");
}

TEST(HumanDuration, ChoosesTheUnit) {
  EXPECT_EQ(human_duration(40us), "40 us");
  EXPECT_EQ(human_duration(2'340us), "2.3 ms");
  EXPECT_EQ(human_duration(300ms), "300 ms");
  EXPECT_EQ(human_duration(1'500ms), "1.5 s");
}

TEST(Counted, KnowsThePlural) {
  EXPECT_EQ(counted(1, "check"), "1 check");
  EXPECT_EQ(counted(0, "check"), "0 checks");
  EXPECT_EQ(counted(2, "policy"), "2 policies");
}

}  // namespace
}  // namespace ringside::agent
