// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace ringside::agent {
namespace {

using Clock = Scheduler::Clock;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Waits, with a limit no healthy machine reaches, until something is so.
template <class Condition>
bool comes_true(Condition condition) {
  for (int i = 0; i < 30'000 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(1));
  return condition();
}

TEST(Scheduler, RunsAJobAgainWhenItWantsToBeRun) {
  Scheduler scheduler(2);
  std::atomic<int> runs{0};
  scheduler.add([&]() -> std::optional<Clock::time_point> {
    if (++runs == 3) return std::nullopt;
    return Clock::now();
  });
  EXPECT_TRUE(comes_true([&] { return runs == 3; }));
  EXPECT_TRUE(comes_true([&] { return scheduler.statistics().runs == 3; }));
}

TEST(Scheduler, RunsAWokenJobOnceMore) {
  Scheduler scheduler(1);
  std::atomic<int> runs{0};
  const auto id = scheduler.add([&]() -> std::optional<Clock::time_point> {
    ++runs;
    return Clock::now() + hours(1);
  });
  ASSERT_TRUE(comes_true([&] { return runs == 1; }));
  scheduler.wake(id);
  EXPECT_TRUE(comes_true([&] { return runs == 2; }));
}

TEST(Scheduler, RunsAJobThatIsWokenWhileItRunsOnceMore) {
  Scheduler scheduler(1);
  std::atomic<int> runs{0};
  std::promise<void> go;
  const auto id = scheduler.add([&]() -> std::optional<Clock::time_point> {
    if (++runs == 1) go.get_future().wait();
    return std::nullopt;
  });
  ASSERT_TRUE(comes_true([&] { return runs == 1; }));
  scheduler.wake(id);
  go.set_value();
  EXPECT_TRUE(comes_true([&] { return runs == 2; }));
}

TEST(Scheduler, LetsASlowJobHoldUpNoOther) {
  Scheduler scheduler(2);
  std::promise<void> go;
  auto waited = go.get_future().share();
  scheduler.add([waited]() -> std::optional<Clock::time_point> {
    waited.wait();
    return std::nullopt;
  });
  std::atomic<int> runs{0};
  scheduler.add([&]() -> std::optional<Clock::time_point> {
    return ++runs < 100 ? std::optional(Clock::now()) : std::nullopt;
  });
  EXPECT_TRUE(comes_true([&] { return runs == 100; }));
  go.set_value();
}

TEST(Scheduler, PutsOtherThreadsInThePlaceOfThoseThatWaitForever) {
  std::promise<void> go;
  auto waited = go.get_future().share();
  Scheduler scheduler(2);
  std::atomic<int> waiting{0};
  for (int i = 0; i < 5; ++i)
    scheduler.add([&, waited]() -> std::optional<Clock::time_point> {
      ++waiting;
      waited.wait();
      return std::nullopt;
    });
  std::atomic<int> runs{0};
  scheduler.add([&]() -> std::optional<Clock::time_point> {
    return ++runs < 100 ? std::optional(Clock::now()) : std::nullopt;
  });
  EXPECT_TRUE(comes_true([&] { return waiting == 5; }));
  EXPECT_TRUE(comes_true([&] { return runs == 100; }));
  EXPECT_GT(scheduler.statistics().threads, 5u);
  go.set_value();
  // They end when they are not needed any more.
  EXPECT_TRUE(comes_true([&] { return scheduler.statistics().threads == 2; }));
}

TEST(Scheduler, RunsARemovedJobNoMore) {
  Scheduler scheduler(2);
  std::atomic<int> runs{0};
  const auto id = scheduler.add([&]() -> std::optional<Clock::time_point> {
    ++runs;
    return Clock::now();
  });
  ASSERT_TRUE(comes_true([&] { return runs > 10; }));
  scheduler.remove(id);
  const int then = runs;
  scheduler.wake(id);
  std::atomic<bool> other{false};
  scheduler.add([&]() -> std::optional<Clock::time_point> {
    other = true;
    return std::nullopt;
  });
  ASSERT_TRUE(comes_true([&] { return other.load(); }));
  EXPECT_EQ(runs, then);
}

TEST(Scheduler, LetsAJobRemoveItself) {
  Scheduler scheduler(1);
  std::atomic<int> runs{0};
  std::promise<Scheduler::Id> known;
  auto id = known.get_future().share();
  known.set_value(scheduler.add([&, id]() -> std::optional<Clock::time_point> {
    ++runs;
    scheduler.remove(id.get());
    return Clock::now();
  }));
  std::atomic<bool> other{false};
  ASSERT_TRUE(comes_true([&] { return runs == 1; }));
  scheduler.add([&]() -> std::optional<Clock::time_point> {
    other = true;
    return std::nullopt;
  });
  ASSERT_TRUE(comes_true([&] { return other.load(); }));
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace ringside::agent
