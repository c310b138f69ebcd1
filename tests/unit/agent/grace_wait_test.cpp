// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/grace_wait.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringside::agent {
namespace {

using guest::linux::GracePeriods;

/// After the numbers of a look each: whether the kernel had its time. Expedited ones pass at once.
bool over_after(const std::vector<std::uint64_t>& normal, unsigned looks = 6) {
  GraceWait wait;
  std::uint64_t expedited = 400;
  for (const std::uint64_t sequence : normal) {
    wait.look(GracePeriods{{sequence, false}, {expedited, false}});
    expedited += 40;
  }
  return wait.over(looks);
}

TEST(GraceWait, IsOverAtOnceWhereNothingIsKnown) {
  EXPECT_TRUE(GraceWait().over(6));
  GraceWait wait;
  wait.look(GracePeriods{{401, false}, {400, false}});
  EXPECT_FALSE(wait.over(6));
  wait.look(std::nullopt);
  EXPECT_TRUE(wait.over(6)) << "no longer known";
}

TEST(GraceWait, IsOverAfterTwoWholeGracePeriods) {
  EXPECT_FALSE(over_after({401, 405})) << "the first was in progress";
  EXPECT_FALSE(over_after({401, 409})) << "one whole one";
  EXPECT_TRUE(over_after({401, 413}));
  EXPECT_TRUE(over_after({400, 409}));
}

TEST(GraceWait, IsNotOverWhileOneTakesLong) {
  EXPECT_FALSE(over_after({401, 401, 401, 401, 401, 402, 402, 402}));
}

TEST(GraceWait, IsOverOnceNobodyHasWaitedForSomeLooks) {
  EXPECT_FALSE(over_after({400, 400}));
  EXPECT_TRUE(over_after({400, 400, 400}));
  EXPECT_FALSE(over_after({401, 404, 404}));
  EXPECT_TRUE(over_after({401, 404, 404, 404}));
}

TEST(GraceWait, IsNoRestWhenOneHasPassedBetweenTwoLooks) {
  EXPECT_FALSE(over_after({401, 404, 404, 408})) << "one whole one, and at rest for one look";
}

TEST(GraceWait, IsNoRestWhenOneIsWanted) {
  GraceWait wait;
  for (int look = 0; look < 9; ++look) wait.look(GracePeriods{{400, true}, {400, false}});
  EXPECT_FALSE(wait.over(6)) << "its thread gets no CPU";
}

TEST(GraceWait, CountsExpeditedOnesByThemselves) {
  GraceWait wait;
  for (const std::uint64_t sequence : {400u, 420u, 440u, 460u})
    wait.look(GracePeriods{{sequence, false}, {801, false}});
  EXPECT_FALSE(wait.over(6)) << "an expedited one is in progress";
  wait.look(GracePeriods{{480, false}, {812, false}});
  EXPECT_TRUE(wait.over(6));
}

TEST(GraceWait, CountsThoseOfTasksWhereTheKernelTells) {
  GraceWait wait;
  const auto look = [&](std::uint64_t all, std::optional<std::uint64_t> tasks, std::uint64_t trace) {
    GracePeriods now{{all, false}, {all, false}};
    if (tasks) now.tasks = {*tasks, false};
    now.tasks_trace = {trace, false};
    wait.look(now);
    return wait.over(6);
  };
  EXPECT_FALSE(look(400, 401, 401));
  EXPECT_FALSE(look(440, 401, 440)) << "that of tasks takes long";
  EXPECT_FALSE(look(480, 408, 441));
  EXPECT_TRUE(look(520, 413, 441));
  EXPECT_TRUE(look(520, std::nullopt, 441)) << "no longer known";
}

TEST(GraceWait, AsksForNoMoreRestThanTheWindowHasLooks) {
  EXPECT_FALSE(over_after({401}, 2));
  EXPECT_TRUE(over_after({400}, 2));
  EXPECT_FALSE(over_after({400}, 3));
  EXPECT_TRUE(over_after({400, 400}, 3));
}

}  // namespace
}  // namespace ringside::agent
