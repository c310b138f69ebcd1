// SPDX-License-Identifier: Apache-2.0
#include "qmp/event_hub.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>

namespace ringside::qmp {
namespace {

Event event(std::string name) {
  return {EventKind::other, std::move(name), {}, {}};
}

TEST(EventHub, EverySubscriberSeesEveryEventInOrder) {
  EventHub hub;
  std::string seen;
  const auto first = hub.subscribe([&](const Event& e) { seen += "1" + e.name; });
  const auto second = hub.subscribe([&](const Event& e) { seen += "2" + e.name; });
  hub.publish(event("A"));
  hub.publish(event("B"));
  EXPECT_EQ(seen, "1A2A1B2B");
}

TEST(EventHub, ADroppedSubscriptionSeesNothingMore) {
  EventHub hub;
  int count = 0;
  auto subscription = hub.subscribe([&](const Event&) { ++count; });
  hub.publish(event("A"));
  subscription.reset();
  hub.publish(event("B"));
  EXPECT_EQ(count, 1);
}

TEST(EventHub, AHandlerMayDropItsOwnSubscription) {
  EventHub hub;
  int count = 0;
  Subscription subscription;
  subscription = hub.subscribe([&](const Event&) {
    ++count;
    subscription.reset();
  });
  hub.publish(event("A"));
  hub.publish(event("B"));
  EXPECT_EQ(count, 1);
}

TEST(EventHub, ASubscriptionMayOutliveTheHub) {
  Subscription subscription;
  {
    EventHub hub;
    subscription = hub.subscribe([](const Event&) {});
  }
  subscription.reset();
}

TEST(EventHub, DroppingASubscriptionWaitsForItsHandler) {
  EventHub hub;
  std::promise<void> entered, leave;
  std::atomic<bool> finished = false;
  auto subscription = hub.subscribe([&](const Event&) {
    entered.set_value();
    leave.get_future().wait();
    finished = true;
  });
  std::thread publisher([&] { hub.publish(event("A")); });
  entered.get_future().wait();
  std::thread releaser([&] { leave.set_value(); });
  subscription.reset();
  EXPECT_TRUE(finished);
  publisher.join();
  releaser.join();
}

}  // namespace
}  // namespace ringside::qmp
