// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/look_tally.h"

#include "tests/unit/agent/results.h"

#include <gtest/gtest.h>

#include <string>

namespace ringside::agent {
namespace {

TEST(LookTally, TellsHowOftenEachCheckCouldLookAndWhyNot) {
  const SamplePolicy sample;
  LookTally tally;
  tally.add({sample.ok(0), sample.unknown("no baseline", 1)});
  tally.add({sample.unknown("torn", 0), sample.unknown("no baseline", 1)});
  tally.add({sample.unknown("no baseline", 1)});  // the other one is being confirmed
  EXPECT_EQ(tally.looks(), 3u);
  EXPECT_EQ(tally.ever_unknown(), 2u);
  EXPECT_EQ(tally.always_unknown(), 1u);
  const Json all = tally.to_json();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["check"], "idt/gates");
  EXPECT_EQ(all[0]["unknown"], 1);
  EXPECT_EQ(all[0]["being_confirmed"], 1);
  EXPECT_EQ(all[1]["reasons"][0]["reason"], "no baseline");
  EXPECT_EQ(all[1]["reasons"][0]["looks"], 3);
}

TEST(LookTally, SaysNothingOfChecksThatAlwaysKnew) {
  const SamplePolicy sample;
  LookTally tally;
  tally.add({sample.ok(0), sample.violated({"a"}, 1)});
  EXPECT_TRUE(tally.to_json().empty());
}

TEST(LookTally, KeepsAHandfulOfReasons) {
  const SamplePolicy sample;
  LookTally tally;
  for (int look = 0; look < 1000; ++look) tally.add({sample.unknown("reason " + std::to_string(look))});
  EXPECT_LE(tally.to_json()[0]["reasons"].size(), 21u);
  EXPECT_EQ(tally.always_unknown(), 1u);
}

}  // namespace
}  // namespace ringside::agent
