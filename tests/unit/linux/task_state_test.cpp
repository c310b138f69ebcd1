// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/task_state.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

char letter(std::uint32_t state, std::uint32_t exit_state = 0, unsigned major = 6, unsigned minor = 12) {
  return task_state_letter(state, exit_state, major, minor);
}

TEST(TaskState, IsTheLetterThatProcShows) {
  EXPECT_EQ(letter(0), 'R');
  EXPECT_EQ(letter(0x1), 'S');
  EXPECT_EQ(letter(0x2), 'D');
  EXPECT_EQ(letter(0x102), 'D');  // TASK_KILLABLE
  EXPECT_EQ(letter(0x104), 'T');  // TASK_STOPPED
  EXPECT_EQ(letter(0x8), 't');
  EXPECT_EQ(letter(0x40), 'P');
  EXPECT_EQ(letter(0x402), 'I');
}

TEST(TaskState, OfADeadTaskIsItsExitState) {
  EXPECT_EQ(letter(0x80, 0x20), 'Z');
  EXPECT_EQ(letter(0x80, 0x10), 'X');
  EXPECT_EQ(letter(0x80, 0x30), 'Z');
}

TEST(TaskState, CallsAWaitForASleepingLockDiskSleep) {
  EXPECT_EQ(letter(0x1000), 'D');
}

TEST(TaskState, KnowsStatesThatCameWithTheFreezer) {
  EXPECT_EQ(letter(0x402 | 0x2000), 'I');  // idle, freezable
  EXPECT_EQ(letter(0x1 | 0x2000), 'S');
  EXPECT_EQ(letter(0x8000), 'D');  // frozen
}

TEST(TaskState, ReadsOlderReleasesByTheirOwnRules) {
  EXPECT_EQ(letter(0x402, 0, 5, 10), 'I');
  EXPECT_EQ(letter(0x402 | 0x100, 0, 5, 10), 'D');
  EXPECT_EQ(letter(0x8000, 0, 5, 10), 'R');
}

TEST(TaskState, AnyBitsGiveALetter) {
  for (std::uint64_t bits = 1; bits <= 0xffffffff; bits <<= 1)
    EXPECT_NE(std::string_view("RSDTtXZPI").find(letter(static_cast<std::uint32_t>(bits), 0xffffffff)),
              std::string_view::npos);
}

}  // namespace
}  // namespace ringside::guest::linux
