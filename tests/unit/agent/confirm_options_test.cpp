// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/confirm_options.h"

#include "tests/unit/agent/results.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using policies::Confirm;
using std::chrono::milliseconds;

std::vector<policies::Policy> two_checks() {
  SamplePolicy sample;
  sample.policy.checks[1].confirm = Confirm::window;
  return {sample.policy};
}

TEST(ConfirmOptions, LeavesPoliciesAsTheyAreWithoutOne) {
  auto policies = two_checks();
  ConfirmOptions().apply(policies);
  EXPECT_EQ(policies[0].checks[0].confirm, Confirm::second_look);
  EXPECT_EQ(policies[0].checks[1].confirm, Confirm::window);
  EXPECT_EQ(policies[0].checks[1].window.length, milliseconds(5000));
}

TEST(ConfirmOptions, SetsTheLengthOfWindowsOnly) {
  auto policies = two_checks();
  ConfirmOptions{milliseconds(10'000), false}.apply(policies);
  EXPECT_EQ(policies[0].checks[0].confirm, Confirm::second_look);
  EXPECT_EQ(policies[0].checks[1].window.length, milliseconds(10'000));
  EXPECT_EQ(policies[0].checks[1].window.pace(), milliseconds(2000));
}

TEST(ConfirmOptions, CanLetTheFirstLookCount) {
  auto policies = two_checks();
  ConfirmOptions{milliseconds(0), true}.apply(policies);
  for (const auto& check : policies[0].checks) EXPECT_EQ(check.confirm, Confirm::none);
}

}  // namespace
}  // namespace ringside::agent
