// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/banner.h"

#include <gtest/gtest.h>

#include <string>

namespace ringside::guest::linux {
namespace {

TEST(Banner, NamesTheReleaseAndItsNumbers) {
  const auto banner = parse_banner(
      "Linux version 6.1.0-50-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0)) #1 "
      "SMP\n");
  ASSERT_TRUE(banner.has_value());
  EXPECT_EQ(banner->release, "6.1.0-50-cloud-amd64");
  EXPECT_EQ(banner->major, 6u);
  EXPECT_EQ(banner->minor, 1u);
  EXPECT_EQ(banner->text.back(), 'P');
}

TEST(Banner, TellsWhetherTheBuildHasANumber) {
  EXPECT_TRUE(parse_banner("Linux version 6.1.0 (d@l) (gcc #3) #1 SMP Debian 6.1.176-1")->numbered);
  EXPECT_FALSE(parse_banner("Linux version 6.1.0 (d@l) (gcc #3) # SMP Debian 6.1.176-1")->numbered);
  EXPECT_FALSE(parse_banner("Linux version 6.1.0")->numbered);
}

TEST(Banner, EndsAtTheFirstNul) {
  const auto banner = parse_banner(std::string_view("Linux version 7.2\0garbage\xff", 27));
  ASSERT_TRUE(banner.has_value());
  EXPECT_EQ(banner->release, "7.2");
}

TEST(Banner, IsRefusedWhenItIsNone) {
  // linux_proc_banner stands beside the banner: its release is a format.
  for (const std::string& text :
       {std::string("%s version %s"), std::string("Linux version %s (who)"), std::string(""),
        std::string("Linux version "), std::string("Linux version 6"), std::string("Linux version 6."),
        std::string("Linux version 6.x"), "Linux version 6.1." + std::string(100, '0'),
        "Linux version 6.1 " + std::string(600, 'a'), std::string("Linux version 6.1 \x01")})
    EXPECT_FALSE(parse_banner(text).has_value()) << text;
}

}  // namespace
}  // namespace ringside::guest::linux
