// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "qmp/monitor.h"

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace ringside::qmp {

/// Hands events to every subscriber, in the order in which they subscribed. Thread-safe. When a Subscription
/// has been dropped its handler runs no more: dropping waits for a call in progress, unless that call itself
/// drops it.
class EventHub {
 public:
  [[nodiscard]] Subscription subscribe(std::function<void(const Event&)> handler);
  void publish(const Event& event);

 private:
  struct Subscriber {
    std::recursive_mutex running;
    bool active = true;
    std::function<void(const Event&)> handler;
  };
  std::mutex mutex_;
  std::vector<std::weak_ptr<Subscriber>> subscribers_;
};

}  // namespace ringside::qmp
