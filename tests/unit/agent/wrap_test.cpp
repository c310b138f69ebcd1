// SPDX-License-Identifier: Apache-2.0
#include "agent/output/wrap.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using Lines = std::vector<std::string>;

TEST(Wrap, BreaksAtBlanks) {
  EXPECT_EQ(wrap("one two three", 7), (Lines{"one two", "three"}));
  EXPECT_EQ(wrap("one two", 80), (Lines{"one two"}));
  EXPECT_EQ(wrap("", 80), (Lines{""}));
}

TEST(Wrap, BreaksAWordThatIsLongerThanALine) {
  EXPECT_EQ(wrap("ab 0123456789 c", 4), (Lines{"ab", "0123", "4567", "89 c"}));
  EXPECT_EQ(wrap("01234567", 4), (Lines{"0123", "4567"}));
}

TEST(Wrap, CountsCodePoints) {
  EXPECT_EQ(wrap("\u00e4\u00f6 \u00fc\u00df", 5), (Lines{"\u00e4\u00f6 \u00fc\u00df"}));
  EXPECT_EQ(wrap("\u00e4\u00f6\u00fc", 2), (Lines{"\u00e4\u00f6", "\u00fc"}));
}

TEST(Wrap, TakesSeveralBlanksForOne) {
  EXPECT_EQ(wrap("  a   b  ", 80), (Lines{"a b"}));
}

}  // namespace
}  // namespace ringside::agent
