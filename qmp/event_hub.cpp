// SPDX-License-Identifier: Apache-2.0
#include "qmp/event_hub.h"

#include <utility>

namespace ringside::qmp {

Subscription EventHub::subscribe(std::function<void(const Event&)> handler) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->handler = std::move(handler);
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(subscribers_, [](const auto& other) { return other.expired(); });
    subscribers_.push_back(subscriber);
  }
  return {subscriber.get(), [subscriber](void*) {
            const std::lock_guard lock(subscriber->running);
            subscriber->active = false;
          }};
}

void EventHub::publish(const Event& event) {
  std::vector<std::weak_ptr<Subscriber>> subscribers;
  {
    const std::lock_guard lock(mutex_);
    subscribers = subscribers_;
  }
  for (const auto& weak : subscribers) {
    const auto subscriber = weak.lock();
    if (!subscriber) continue;
    const std::lock_guard lock(subscriber->running);
    if (subscriber->active) subscriber->handler(event);
  }
}

}  // namespace ringside::qmp
