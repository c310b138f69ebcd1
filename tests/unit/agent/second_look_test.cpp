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

TEST(CloserLook, WhatIsGoneAtOnceIsOverAndWhatIsNewWaits) {
  const SamplePolicy sample;
  bool more = true;
  const auto result = closer(sample.violated({"passing", "stays"}), sample.violated({"stays", "new"}), more);
  ASSERT_EQ(result.violations.size(), 1u);
  EXPECT_EQ(result.violations[0].fingerprint, "stays");
  EXPECT_FALSE(more);
  EXPECT_EQ(closer(sample.violated({"a"}), sample.violated({"b"}), more).verdict, Verdict::ok);
  EXPECT_EQ(closer(sample.violated({"a"}), sample.ok(), more).verdict, Verdict::ok);
  EXPECT_FALSE(more);
}

TEST(CloserLook, WhatHoldsSomethingElseEachTimeIsNotOver) {
  const SamplePolicy sample;
  auto first = sample.violated({"a"}), again = first;
  again.violations[0].identity = "other content";
  bool more = true;
  const auto result = closer(first, again, more);
  ASSERT_EQ(result.violations.size(), 1u);
  EXPECT_EQ(result.violations[0].identity, "other content");
}

TEST(CloserLook, WhatCouldNotBeReadAgainIsNotGone) {
  const SamplePolicy sample;
  bool more = false;
  const auto unread = closer(sample.violated({"a"}), sample.unknown("torn"), more);
  EXPECT_EQ(unread.verdict, Verdict::violated);
  EXPECT_TRUE(more);
  auto in_part = sample.violated({"b"});
  in_part.reasons = {"torn"};
  const auto both = closer(sample.violated({"a"}), in_part, more);
  ASSERT_EQ(both.violations.size(), 1u);
  EXPECT_EQ(both.violations[0].fingerprint, "a");
  EXPECT_TRUE(more);
}

TEST(CloserLook, GoesOnWhileReasonsChange) {
  const SamplePolicy sample;
  bool more = true;
  EXPECT_EQ(closer(sample.unknown("never"), sample.unknown("never"), more).verdict, Verdict::unknown);
  EXPECT_FALSE(more);
  EXPECT_EQ(closer(sample.unknown("torn here"), sample.unknown("torn there"), more).verdict,
            Verdict::unknown);
  EXPECT_TRUE(more);
  EXPECT_EQ(closer(sample.unknown("torn"), sample.ok(), more).verdict, Verdict::ok);
  EXPECT_FALSE(more);
  EXPECT_EQ(closer(sample.unknown("torn"), sample.violated({"a"}), more).verdict, Verdict::violated);
  EXPECT_TRUE(more) << "the first time that it is seen";
}

}  // namespace
}  // namespace ringside::agent
