// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/confirmation.h"

#include "tests/unit/agent/results.h"

#include <gtest/gtest.h>

#include <functional>

namespace ringside::agent {
namespace {

using policies::CheckResult;
using policies::Verdict;
using std::chrono::milliseconds;

/// A check with a window of 5 s and 6 looks, looked at at given times.
class Looking : public testing::Test {
 protected:
  Looking() {
    for (auto& check : sample.policy.checks) check.confirm = policies::Confirm::window;
  }
  static Confirmation::Moment at(double seconds) {
    return Confirmation::Moment(milliseconds(static_cast<std::int64_t>(1'000'000 + seconds * 1000)));
  }
  std::optional<CheckResult> see(const CheckResult& look, double seconds) {
    return confirmation.weigh(look, at(seconds));
  }
  SamplePolicy sample;
  Confirmation confirmation;
};

TEST_F(Looking, WhatIsCleanIsSaidAtOnce) {
  const auto said = see(sample.ok(), 0);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->verdict, Verdict::ok);
  EXPECT_EQ(confirmation.undecided(), 0u);
  EXPECT_FALSE(confirmation.pace());
}

TEST_F(Looking, CountsWhatIsTheSameAtEachLookOverTheWindow) {
  for (int second = 0; second < 5; ++second) {
    EXPECT_FALSE(see(sample.violated({"a"}), second)) << second;
    EXPECT_TRUE(confirmation.undecided(sample.policy.checks[0]));
  }
  const auto said = see(sample.violated({"a"}), 5);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->verdict, Verdict::violated);
  EXPECT_EQ(said->violations.size(), 1u);
  EXPECT_EQ(confirmation.undecided(), 0u);
}

TEST_F(Looking, ManyLooksInAShortTimeDoNotSuffice) {
  for (int i = 0; i < 49; ++i) EXPECT_FALSE(see(sample.violated({"a"}), i * 0.1)) << i;
  EXPECT_TRUE(see(sample.violated({"a"}), 5));
}

TEST_F(Looking, ALongTimeBetweenFewLooksDoesNotSuffice) {
  EXPECT_FALSE(see(sample.violated({"a"}), 0));
  EXPECT_FALSE(see(sample.violated({"a"}), 60));
}

TEST_F(Looking, ToleratesALookThatComesAFewMillisecondsEarly) {
  for (int second = 0; second < 5; ++second) EXPECT_FALSE(see(sample.violated({"a"}), second));
  EXPECT_TRUE(see(sample.violated({"a"}), 4.99));
}

TEST_F(Looking, DropsWhatIsGoneBeforeTheWindowIsOver) {
  EXPECT_FALSE(see(sample.violated({"a"}), 0));
  EXPECT_FALSE(see(sample.violated({"a"}), 1));
  const auto said = see(sample.ok(), 2);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->verdict, Verdict::ok);
  EXPECT_FALSE(see(sample.violated({"a"}), 3)) << "it begins anew";
  EXPECT_FALSE(see(sample.violated({"a"}), 6));
}

TEST_F(Looking, AnInterruptedViolationBeginsAnew) {
  for (int second = 0; second < 4; ++second) see(sample.violated({"a", "stays"}), second);
  EXPECT_FALSE(see(sample.violated({"stays"}), 4));
  const auto said = see(sample.violated({"a", "stays"}), 5);
  ASSERT_TRUE(said);
  ASSERT_EQ(said->violations.size(), 1u);
  EXPECT_EQ(said->violations[0].fingerprint, "stays");
}

TEST_F(Looking, IsUnknownWhenEachLookShowsSomethingElse) {
  for (int second = 0; second < 5; ++second)
    EXPECT_FALSE(see(sample.violated({"torn " + std::to_string(second)}), second)) << second;
  const auto said = see(sample.violated({"torn again"}), 5);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->verdict, Verdict::unknown);
  EXPECT_TRUE(said->violations.empty());
  ASSERT_EQ(said->reasons.size(), 1u);
  EXPECT_EQ(said->reasons[0],
            "each of 6 looks in 5 s showed a violation, but another one each time; the last: gate torn again "
            "changed");
  EXPECT_EQ(confirmation.undecided(), 0u);
  EXPECT_EQ(see(sample.ok(), 6)->verdict, Verdict::ok);
}

TEST_F(Looking, TheSameRowWithOtherContentIsSomethingElse) {
  for (int second = 0; second <= 4; ++second) {
    auto look = sample.violated({"a"});
    look.violations[0].identity = "content " + std::to_string(second);
    EXPECT_FALSE(see(look, second));
  }
  auto look = sample.violated({"a"});
  look.violations[0].identity = "content again";
  EXPECT_EQ(see(look, 5)->verdict, Verdict::unknown);
}

TEST_F(Looking, WaitsForWhatMayStayInTheMidstOfOtherThings) {
  for (int second = 0; second < 3; ++second) see(sample.violated({"torn " + std::to_string(second)}), second);
  for (int second = 3; second < 8; ++second)
    EXPECT_FALSE(see(sample.violated({"late"}), second)) << "seen since 3 s only";
  const auto said = see(sample.violated({"late"}), 8);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->verdict, Verdict::violated);
}

TEST_F(Looking, DoesNotWaitWithoutEnd) {
  std::optional<CheckResult> said;
  double second = 0;
  for (; second < 60 && !said; second += 1) {
    const auto pair = std::to_string(static_cast<int>(second) / 2);  // each is seen twice
    said = see(sample.violated({"torn " + pair}), second);
  }
  ASSERT_TRUE(said);
  EXPECT_EQ(said->verdict, Verdict::unknown);
  EXPECT_LE(second, 12);
}

TEST_F(Looking, AConfirmedViolationStaysOneWhileItIsThere) {
  for (int second = 0; second <= 5; ++second) see(sample.violated({"a"}), second);
  auto changed = sample.violated({"a"});
  changed.violations[0].identity = "other content";
  const auto said = see(changed, 6);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->verdict, Verdict::violated);
}

TEST_F(Looking, ShowsOnlyWhatIsConfirmedOfSeveral) {
  for (int second = 0; second <= 5; ++second) see(sample.violated({"a"}), second);
  const auto said = see(sample.violated({"a", "new"}), 6);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->violations.size(), 1u);
  EXPECT_EQ(confirmation.undecided(), 0u);
  EXPECT_EQ(see(sample.violated({"a", "new"}), 7)->violations.size(), 1u);
}

TEST_F(Looking, KeepsACandidateThatMayStandInThePartThatWasNotRead) {
  for (int second = 0; second < 5; ++second) {
    auto look = second == 2 ? sample.violated({"other"}) : sample.violated({"a"});
    if (second == 2) look.reasons = {"a page could not be read"};
    EXPECT_FALSE(see(look, second));
  }
  EXPECT_FALSE(see(sample.violated({"a"}), 5)) << "one look did not show it";
  EXPECT_TRUE(see(sample.violated({"a"}), 6));
}

TEST_F(Looking, WhatIsNeverReadHidesNothingThatWasSeenBesideIt) {
  // A 32-bit kernel does not tell all at any look.
  const auto incomplete = [&](CheckResult look) {
    look.reasons = {"keys of modules have no names"};
    return look;
  };
  for (int second = 0; second < 4; ++second) EXPECT_FALSE(see(incomplete(sample.violated({"a"})), second));
  EXPECT_EQ(see(sample.unknown("keys of modules have no names"), 4)->verdict, Verdict::unknown)
      << "it was gone";
  for (int second = 5; second < 10; ++second)
    EXPECT_FALSE(see(incomplete(sample.violated({"a"})), second)) << "and begins anew";
  EXPECT_TRUE(see(incomplete(sample.violated({"a"})), 10));
}

TEST_F(Looking, WhatIsSeenNowAndThenAmongLooksThatCouldNotReadAllDoesNotCount) {
  // Torn looks at a kernel that patches its code all the time: each has another reason.
  for (int i = 0; i < 95; ++i) {
    const auto look =
        i % 8 == 0 ? sample.violated({"a"}) : sample.unknown("changing place " + std::to_string(i));
    const auto said = see(look, i * 0.1);
    EXPECT_TRUE(!said || said->verdict == Verdict::unknown) << i;
  }
}

TEST_F(Looking, MoreReasonsThanAreKeptRefuteNothing) {
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back("place " + std::to_string(i));
  const auto with = [&](CheckResult look) {
    look.reasons = many;
    return look;
  };
  for (int second = 0; second < 5; ++second) EXPECT_FALSE(see(with(sample.violated({"a"})), second));
  EXPECT_EQ(see(with(sample.unknown("")), 5)->verdict, Verdict::unknown);
  EXPECT_TRUE(see(with(sample.violated({"a"})), 6)) << "it may have stood in a part that is not remembered";
}

TEST_F(Looking, WhatIsSeenAtEveryOtherLookCounts) {
  bool confirmed = false;
  for (int i = 0; i < 95; ++i) {
    const auto look =
        i % 2 == 0 ? sample.violated({"a"}) : sample.unknown("changing place " + std::to_string(i));
    const auto said = see(look, i * 0.1);
    confirmed = confirmed || (said && said->verdict == Verdict::violated);
  }
  EXPECT_TRUE(confirmed);
}

TEST_F(Looking, ACandidateIsGoneIfAnotherIsSeenAndNoMoreIsUnreadable) {
  for (int second = 0; second < 8; ++second) {
    auto look = sample.violated({second % 2 == 0 ? "a" : "b"});
    look.reasons = {"keys of modules have no names"};
    const auto said = see(look, second);
    if (said) {
      EXPECT_EQ(said->verdict, Verdict::unknown) << "each look showed another one";
    }
  }
}

TEST_F(Looking, WhatCannotBeReadIsUnknownAndNotForgotten) {
  for (int second = 0; second < 4; ++second) see(sample.violated({"a"}), second);
  EXPECT_EQ(see(sample.unknown("torn"), 4)->verdict, Verdict::unknown);
  EXPECT_EQ(confirmation.undecided(), 0u);
  EXPECT_FALSE(see(sample.violated({"a"}), 5)) << "only five looks have shown it";
  EXPECT_TRUE(see(sample.violated({"a"}), 6));
}

TEST_F(Looking, BeginsAnewAfterALongTimeInWhichNothingCouldBeRead) {
  for (int second = 0; second < 5; ++second) see(sample.violated({"a"}), second);
  for (int second = 5; second < 12; ++second) see(sample.unknown("gone"), second);
  EXPECT_FALSE(see(sample.violated({"a"}), 12));
}

TEST_F(Looking, KeepsChecksApart) {
  sample.policy.checks[1].window = {milliseconds(1000), 2};
  EXPECT_FALSE(see(sample.violated({"a"}, 0), 0));
  EXPECT_FALSE(see(sample.violated({"a"}, 1), 0));
  EXPECT_EQ(confirmation.pace(), milliseconds(1000));
  EXPECT_EQ(confirmation.undecided(), 2u);
  EXPECT_TRUE(see(sample.violated({"a"}, 1), 1));
  EXPECT_FALSE(see(sample.violated({"a"}, 0), 1));
  EXPECT_EQ(confirmation.undecided(), 1u);
  confirmation.clear();
  EXPECT_EQ(confirmation.undecided(), 0u);
}

/// The same, with a guest that tells how far it is with its grace periods.
class LookingAtAKernel : public Looking {
 protected:
  LookingAtAKernel() { sample.policy.checks[0].window.guest_time = true; }
  std::optional<CheckResult> see(const CheckResult& look, double seconds) {
    return confirmation.weigh(look, at(seconds), [this] {
      ++asked;
      return now;
    });
  }
  /// Looks once a second, with the same violation, until something is said; when.
  int said_at(int from, int limit, const std::function<void(int)>& before = nullptr) {
    for (int second = from; second < limit; ++second) {
      if (before) before(second);
      if (see(sample.violated({"a"}), second)) return second;
    }
    return limit;
  }
  std::optional<guest::linux::GracePeriods> now = guest::linux::GracePeriods{{400, false}, {800, false}};
  unsigned asked = 0;
};

TEST_F(LookingAtAKernel, NobodyWaitsThere) {
  EXPECT_EQ(said_at(0, 60), 5);
}

TEST_F(LookingAtAKernel, GracePeriodsPassAllTheTime) {
  EXPECT_EQ(said_at(0, 60, [&](int) { now->normal.sequence += 41; }), 5);
}

TEST_F(LookingAtAKernel, TakesLongForAGracePeriod) {
  const auto before = [&](int second) {
    // One that takes 12 s, and others of 3 s after that; the second whole one ends at 18 s.
    now->normal.sequence = second < 12 ? 401 : 405 + 4 * static_cast<std::uint64_t>((second - 12) / 3);
  };
  EXPECT_EQ(said_at(0, 60, before), 19)
      << "what was there after the second one's end is seen by the next look";
  EXPECT_EQ(confirmation.undecided(), 0u);
}

TEST_F(LookingAtAKernel, IsStillUndecidedMeanwhile) {
  now->normal.sequence = 401;
  EXPECT_EQ(said_at(0, 20), 20);
  EXPECT_EQ(confirmation.undecided(), 1u);
  EXPECT_EQ(confirmation.pace(), milliseconds(1000));
  EXPECT_EQ(see(sample.ok(), 20)->verdict, Verdict::ok) << "it was work in progress";
  EXPECT_EQ(confirmation.undecided(), 0u);
}

TEST_F(LookingAtAKernel, DoesNotWaitWithoutEndForAGracePeriod) {
  now->normal.sequence = 401;
  EXPECT_EQ(said_at(0, 200), 63);
  EXPECT_EQ(see(sample.violated({"a"}), 64)->verdict, Verdict::violated);
}

TEST_F(LookingAtAKernel, ALongWindowIsLongEnough) {
  sample.policy.checks[0].window = {milliseconds(100'000), 6, true};
  now->normal.sequence = 401;
  EXPECT_EQ(said_at(0, 200, [&](int) {}), 98) << "a tenth of the pace early";
}

TEST_F(LookingAtAKernel, IsNotWaitedForWhereTheCheckDoesNotWantIt) {
  sample.policy.checks[0].window.guest_time = false;
  now->normal.sequence = 401;
  EXPECT_EQ(said_at(0, 60), 5);
  EXPECT_EQ(asked, 0u);
}

TEST_F(LookingAtAKernel, IsNoReasonToRememberLongerWhereTheCheckDoesNotWantIt) {
  sample.policy.checks[0].window.guest_time = false;
  for (int look = 0; look < 6; ++look) EXPECT_FALSE(see(sample.violated({"a"}), look * 0.1));
  EXPECT_TRUE(see(sample.unknown("cannot be read"), 20));
  EXPECT_FALSE(see(sample.violated({"a"}), 21)) << "it begins anew";
}

TEST_F(LookingAtAKernel, IsNotWaitedForWhereItDoesNotTell) {
  now = std::nullopt;
  EXPECT_EQ(said_at(0, 60), 5);
}

TEST_F(LookingAtAKernel, IsWaitedForInTheMidstOfUnknownLooks) {
  now->normal.sequence = 401;
  EXPECT_EQ(said_at(0, 20), 20);
  EXPECT_EQ(see(sample.unknown("torn"), 20)->verdict, Verdict::unknown);
  EXPECT_FALSE(see(sample.violated({"a"}), 21));
  now->normal.sequence = 420;
  EXPECT_FALSE(see(sample.violated({"a"}), 22));
  EXPECT_TRUE(see(sample.violated({"a"}), 23)) << "what was seen before is remembered";
}

TEST_F(LookingAtAKernel, SaysThatItIsUnknownWhenOthersComeWhileItIsWaitedFor) {
  now->normal.sequence = 401;
  std::optional<CheckResult> said;
  int second = 0;
  for (; second < 200 && !said; ++second)
    said = see(sample.violated({"one of " + std::to_string(second / 8)}), second);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->verdict, Verdict::unknown);
  EXPECT_LE(second, 12) << "each stays for eight seconds";
}

TEST_F(LookingAtAKernel, SilenceOverAChangingViolationEnds) {
  now->normal.sequence = 401;
  for (int second = 0; second < 63; ++second)
    EXPECT_FALSE(see(sample.violated({second < 40 ? "a" : "b"}), second) && second % 40 > 10) << second;
  const auto said = see(sample.violated({"b"}), 64);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->verdict, Verdict::unknown);
}

TEST_F(LookingAtAKernel, IsNotAskedOnceAllIsConfirmed) {
  EXPECT_EQ(said_at(0, 60), 5);
  asked = 0;
  EXPECT_TRUE(see(sample.violated({"a"}), 6));
  EXPECT_TRUE(see(sample.ok(), 7));
  EXPECT_TRUE(see(sample.unknown("torn"), 8));
  EXPECT_EQ(asked, 0u);
}

}  // namespace
}  // namespace ringside::agent
