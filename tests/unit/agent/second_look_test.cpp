// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/second_look.h"

#include "tests/unit/agent/results.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using policies::Verdict;

TEST(SecondLook, CountsWhatBothLooksReport) {
  const SamplePolicy sample;
  const auto result = confirmed(sample.violated({"a", "torn"}), sample.violated({"a", "new"}));
  EXPECT_EQ(result.verdict, Verdict::violated);
  ASSERT_EQ(result.violations.size(), 1u);
  EXPECT_EQ(result.violations[0].fingerprint, "a");
}

TEST(SecondLook, DropsATornRead) {
  const SamplePolicy sample;
  EXPECT_EQ(confirmed(sample.violated({"torn"}), sample.ok()).verdict, Verdict::ok);
}

TEST(SecondLook, IsNeverCleanWhenEachLookReportsSomethingElse) {
  const SamplePolicy sample;
  const auto result = confirmed(sample.violated({"a"}), sample.violated({"b"}));
  EXPECT_EQ(result.verdict, Verdict::unknown);
  EXPECT_TRUE(result.violations.empty());
  EXPECT_EQ(result.reasons.size(), 1u);
}

TEST(SecondLook, IsUnknownWhenTheSecondLookIs) {
  const SamplePolicy sample;
  const auto result = confirmed(sample.violated({"a"}), sample.unknown("gone"));
  EXPECT_EQ(result.verdict, Verdict::unknown);
}

TEST(SecondLook, SaysWhatWasSeenWhenItCouldNotLookAgain) {
  const SamplePolicy sample;
  const auto result = unconfirmed(sample.violated({"a"}), {Errc::closed, "QEMU closed the connection"});
  EXPECT_EQ(result.verdict, Verdict::unknown);
  EXPECT_TRUE(result.violations.empty());
  ASSERT_EQ(result.reasons.size(), 1u);
  EXPECT_EQ(result.reasons[0],
            "seen (gate a changed), but it could not be looked at again: QEMU closed the connection");
}

}  // namespace
}  // namespace ringside::agent
