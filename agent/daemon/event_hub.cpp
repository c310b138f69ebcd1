// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/event_hub.h"

#include <utility>

namespace ringside::agent {

std::shared_ptr<void> AgentEvents::subscribe(Handler handler) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->handler = std::move(handler);
  const std::lock_guard lock(mutex_);
  subscribers_.push_back(subscriber);
  return {nullptr, [subscriber](void*) {
            const std::lock_guard running(subscriber->running);
            subscriber->active = false;
          }};
}

void AgentEvents::publish(const AgentEvent& event) {
  std::vector<std::shared_ptr<Subscriber>> now;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(subscribers_, [](const auto& one) { return one.expired(); });
    for (const auto& one : subscribers_)
      if (auto subscriber = one.lock()) now.push_back(std::move(subscriber));
  }
  for (const auto& subscriber : now) {
    const std::lock_guard running(subscriber->running);
    if (subscriber->active) subscriber->handler(event);
  }
}

}  // namespace ringside::agent
