// SPDX-License-Identifier: Apache-2.0
#include "agent/outcome.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

TEST(Exit, ViolationsWinOverWhatCouldNotBeChecked) {
  EXPECT_EQ(worse(Exit::violations, Exit::unchecked), Exit::violations);
  EXPECT_EQ(worse(Exit::unchecked, Exit::violations), Exit::violations);
}

TEST(Exit, WhatCouldNotBeCheckedIsNeverClean) {
  EXPECT_EQ(worse(Exit::clean, Exit::unchecked), Exit::unchecked);
  EXPECT_EQ(worse(Exit::clean, Exit::clean), Exit::clean);
}

TEST(Exit, NoErrorIsClean) {
  for (int code = 0; code <= static_cast<int>(Errc::unavailable); ++code)
    EXPECT_NE(exit_for(static_cast<Errc>(code)), Exit::clean) << to_string(static_cast<Errc>(code));
}

TEST(Exit, AGuestThatCannotBeReadIsUnchecked) {
  for (const Errc code : {Errc::gone, Errc::closed, Errc::not_mapped, Errc::not_ram, Errc::unavailable})
    EXPECT_EQ(exit_for(code), Exit::unchecked) << to_string(code);
  EXPECT_EQ(exit_for(Errc::invalid_argument), Exit::usage);
}

Attempt<int> fails_with(Failure failure) {
  return fail(std::move(failure));
}
Attempt<int> passes_on(Failure failure) {
  RINGSIDE_TRY(const int value, fails_with(std::move(failure)));
  return value;
}
Attempt<int> converts() {
  RINGSIDE_TRY(const int value, Result<int>(fail(Errc::gone, "QEMU has ended")));
  return value;
}

TEST(Failure, KeepsItsExitCodeOnTheWayUp) {
  const auto result = passes_on(Failure({Errc::gone, "x"}, Exit::not_attached));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().exit, Exit::not_attached);
}

TEST(Failure, TakesTheExitCodeOfAnErrorThatHasNone) {
  const auto result = converts();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().exit, Exit::unchecked);
  EXPECT_EQ(result.error().error.message, "QEMU has ended");
}

}  // namespace
}  // namespace ringside::agent
