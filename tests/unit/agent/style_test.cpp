// SPDX-License-Identifier: Apache-2.0
#include "agent/output/style.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

TEST(UseColor, FollowsTheTerminalByDefault) {
  EXPECT_TRUE(use_color(ColorMode::automatic, {}, true));
  EXPECT_FALSE(use_color(ColorMode::automatic, {}, false));
}

TEST(UseColor, NoColorWinsOverTheTerminalAndOverForce) {
  EXPECT_FALSE(use_color(ColorMode::automatic, {.no_color = true, .force_color = false}, true));
  EXPECT_FALSE(use_color(ColorMode::automatic, {.no_color = true, .force_color = true}, true));
}

TEST(UseColor, ForceColoursAPipe) {
  EXPECT_TRUE(use_color(ColorMode::automatic, {.no_color = false, .force_color = true}, false));
}

TEST(UseColor, TheOptionWinsOverTheEnvironment) {
  EXPECT_TRUE(use_color(ColorMode::always, {.no_color = true, .force_color = false}, false));
  EXPECT_FALSE(use_color(ColorMode::never, {.no_color = false, .force_color = true}, true));
}

TEST(Style, LeavesTextAloneWhenOff) {
  EXPECT_EQ(Style(false).red("x"), "x");
  EXPECT_EQ(Style(true).green("x"), "\x1b[32mx\x1b[0m");
  EXPECT_EQ(Style(true).red(""), "");
}

TEST(Printable, KeepsWordsInAnyScript) {
  EXPECT_EQ(printable("web-1 h\u00f6st \u4f60\u597d \U0001f600"), "web-1 h\u00f6st \u4f60\u597d \U0001f600");
}

TEST(Printable, EscapesWhatSteersATerminal) {
  EXPECT_EQ(printable("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(printable("a\nb\r\x7f"), "a\\x0ab\\x0d\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // C1 CSI, which terminals obey like ESC [
}

TEST(Printable, EscapesMalformedUtf8) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");           // cut short
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
}

TEST(DisplayWidth, CountsCodePointsAndNoMarks) {
  EXPECT_EQ(display_width("h\u00f6st"), 4u);
  EXPECT_EQ(display_width(Style(true).red("abc")), 3u);
}

}  // namespace
}  // namespace ringside::agent
