// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/actions.h"
#include "agent/daemon/blind_checks.h"
#include "agent/daemon/guest_names.h"
#include "agent/daemon/tick_plan.h"
#include "agent/scan/pauses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

const TickPlan::Moment kStart{};

policies::Policy policy(const std::string& name, milliseconds interval) {
  policies::Policy one;
  one.name = name;
  one.interval = interval;
  one.checks.resize(2);
  one.checks[0].id = "first";
  one.checks[1].id = "second";
  return one;
}

TEST(TickPlan, BeginsWithEverything) {
  const std::vector<policies::Policy> all = {policy("a", seconds(1)), policy("b", seconds(5))};
  TickPlan plan;
  plan.begin(all, kStart);
  EXPECT_TRUE(plan.take(kStart));
  EXPECT_TRUE(plan.due(all[0]));
  EXPECT_TRUE(plan.due(all[1]));
  EXPECT_FALSE(plan.take(kStart + milliseconds(500)));
  EXPECT_FALSE(plan.due(all[0]));
}

TEST(TickPlan, LooksAtEachOnItsInterval) {
  const std::vector<policies::Policy> all = {policy("a", seconds(1)), policy("b", seconds(5))};
  TickPlan plan;
  plan.begin(all, kStart);
  unsigned a = 0, b = 0;
  for (auto now = kStart; now < kStart + seconds(100); now = plan.next()) {
    if (!plan.take(now)) continue;
    a += plan.due(all[0]);
    b += plan.due(all[1]);
  }
  // Jitter is a tenth, and what is due within a tenth shares a look.
  EXPECT_NEAR(a, 100, 20);
  EXPECT_NEAR(b, 20, 5);
  EXPECT_EQ(plan.missed(), 0u);
}

TEST(TickPlan, CountsWhatWentByWithoutALook) {
  const std::vector<policies::Policy> all = {policy("a", seconds(1))};
  TickPlan plan;
  plan.begin(all, kStart);
  ASSERT_TRUE(plan.take(kStart));
  ASSERT_TRUE(plan.take(plan.next() + milliseconds(3'200)));
  EXPECT_EQ(plan.missed(), 3u);
  EXPECT_EQ(plan.ticks(), 2u);
}

TEST(TickPlan, CountsWhatLooksThatAreAlwaysLateLeaveOut) {
  const std::vector<policies::Policy> all = {policy("a", seconds(1))};
  for (const auto each : {milliseconds(300), milliseconds(1'400), milliseconds(2'700)}) {
    TickPlan plan;
    plan.begin(all, kStart);
    // A thread comes free `each` after it took the last look.
    auto now = kStart;
    while (now < kStart + seconds(1'000)) {
      ASSERT_TRUE(plan.take(now));
      now = std::max(now + each, plan.next());
    }
    EXPECT_NEAR(static_cast<double>(plan.ticks()),
                1'000'000.0 / static_cast<double>(std::max<long>(each.count(), 1'000)), 30)
        << each.count();
    EXPECT_NEAR(static_cast<double>(plan.ticks() + plan.missed()), 1'000, 30) << each.count();
  }
}

policies::CheckResult result(const policies::Policy& of, std::size_t check, policies::Verdict verdict) {
  policies::CheckResult one;
  one.policy = &of;
  one.check = &of.checks[check];
  one.verdict = verdict;
  if (verdict == policies::Verdict::unknown) one.reasons = {"why"};
  return one;
}

TEST(BlindChecks, AreToldOnceTheyHaveLasted) {
  const auto one = policy("p", seconds(1));
  BlindChecks blind;
  const auto unknown = result(one, 0, policies::Verdict::unknown), ok = result(one, 1, policies::Verdict::ok);
  EXPECT_THAT(blind.update({unknown, ok}, seconds(60), kStart).blind, IsEmpty());
  EXPECT_THAT(blind.update({unknown, ok}, seconds(60), kStart + seconds(59)).blind, IsEmpty());
  const auto news = blind.update({unknown, ok}, seconds(60), kStart + seconds(60));
  ASSERT_THAT(news.blind, SizeIs(1));
  EXPECT_THAT(news.blind[0].checks, ElementsAre("first: why"));
  EXPECT_THAT(blind.update({unknown, ok}, seconds(60), kStart + seconds(61)).blind, IsEmpty());
}

TEST(BlindChecks, AreOverWhenTheCheckSpeaks) {
  const auto one = policy("p", seconds(1));
  BlindChecks blind;
  blind.update({result(one, 0, policies::Verdict::unknown)}, seconds(0), kStart);
  const auto news = blind.update({result(one, 0, policies::Verdict::ok)}, seconds(0), kStart + seconds(1));
  EXPECT_THAT(news.seeing, ElementsAre("p"));
}

TEST(BlindChecks, StandWhileTheirPolicyIsNotLookedAt) {
  const auto one = policy("p", seconds(5)), other = policy("q", seconds(1));
  BlindChecks blind;
  blind.update({result(one, 0, policies::Verdict::unknown)}, seconds(0), kStart);
  const auto news = blind.update({result(other, 0, policies::Verdict::ok)}, seconds(0), kStart + seconds(1));
  EXPECT_THAT(news.seeing, IsEmpty());
  EXPECT_THAT(news.blind, IsEmpty());
}

TEST(BlindChecks, AreNotOverBecauseASessionBeginsAnew) {
  const auto one = policy("p", seconds(1));
  BlindChecks blind;
  blind.remember("p");
  // Unknown, but not yet for long: what was told stands.
  auto news = blind.update({result(one, 0, policies::Verdict::unknown)}, seconds(60), kStart);
  EXPECT_THAT(news.seeing, IsEmpty());
  news = blind.update({result(one, 0, policies::Verdict::unknown)}, seconds(60), kStart + seconds(60));
  EXPECT_THAT(news.blind, SizeIs(1));
  blind.restart();
  news = blind.update({result(one, 0, policies::Verdict::ok)}, seconds(60), kStart + seconds(61));
  EXPECT_THAT(news.seeing, ElementsAre("p"));
}

TEST(Pauses, AreRefusedOnceTheMinuteIsSpent) {
  Pauses pauses({milliseconds(100), milliseconds(250)});
  EXPECT_TRUE(pauses.allow(kStart));
  pauses.took(milliseconds(100), kStart);
  EXPECT_TRUE(pauses.allow(kStart + seconds(1)));
  pauses.took(milliseconds(60), kStart + seconds(1));
  const auto refused = pauses.allow(kStart + seconds(2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("budget"));
  EXPECT_TRUE(pauses.allow(kStart + minutes(1)));
  EXPECT_EQ(pauses.count(), 2u);
  EXPECT_EQ(pauses.total(), milliseconds(160));
}

TEST(CircuitBreaker, BoundsActionsPerGuestAndPerHost) {
  CircuitBreaker breaker;
  const Breaker bounds{2, 3, minutes(10)};
  EXPECT_TRUE(breaker.allow(bounds, "a", kStart));
  EXPECT_TRUE(breaker.allow(bounds, "a", kStart));
  EXPECT_THAT(breaker.allow(bounds, "a", kStart).error().message, HasSubstr("on this guest"));
  EXPECT_TRUE(breaker.allow(bounds, "b", kStart));
  EXPECT_THAT(breaker.allow(bounds, "c", kStart).error().message, HasSubstr("on this host"));
  EXPECT_TRUE(breaker.allow(bounds, "a", kStart + minutes(10)));
}

TEST(Actions, NeedLeaveByTheConfiguration) {
  Config config;
  const GuestFacts guest{"key", "web1", "some-uuid", {}};
  EXPECT_THAT(refusal("restore", config, guest, false), Optional(HasSubstr("does not allow restore")));
  config.actions.push_back({{"db*"}, {"restore"}});
  EXPECT_THAT(refusal("restore", config, guest, false), Optional(HasSubstr("does not allow")));
  config.actions.push_back({{"web*"}, {"restore"}});
  EXPECT_EQ(refusal("restore", config, guest, false), std::nullopt);
  EXPECT_THAT(refusal("pause", config, guest, false), Optional(HasSubstr("does not allow pause")));
  EXPECT_THAT(refusal("restore", config, guest, true), Optional(HasSubstr("exception")));
  config.actions = {{{"some-uuid"}, {"pause"}}};
  EXPECT_EQ(refusal("pause", config, guest, false), std::nullopt);
}

TEST(GuestNames, KnowWhetherAnotherSessionHasTheGuest) {
  GuestNames names;
  names.attached("socket:/a", "uuid-1");
  EXPECT_TRUE(names.alone("socket:/a", "uuid-1"));
  names.attached("socket:/b", "uuid-1");
  EXPECT_FALSE(names.alone("socket:/a", "uuid-1"));
  names.detached("socket:/b");
  EXPECT_TRUE(names.alone("socket:/a", "uuid-1"));
}

TEST(GuestNames, AreUnique) {
  GuestNames names;
  EXPECT_EQ(names.claim("1", "web", "/run/a"), "web");
  EXPECT_EQ(names.claim("2", "web", "/run/b"), "web@/run/b");
  EXPECT_EQ(names.claim("1", "web", "/run/a"), "web");
  names.release("1");
  EXPECT_EQ(names.claim("2", "web", "/run/b"), "web");
}

}  // namespace
}  // namespace ringside::agent
