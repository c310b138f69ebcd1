// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/agent_event.h"

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace ringside::agent {

/// Hands AgentEvents to whoever listens. Thread-safe. A handler must not block; once its subscription has
/// been dropped it is called no more.
class AgentEvents {
 public:
  using Handler = std::function<void(const AgentEvent&)>;
  [[nodiscard]] std::shared_ptr<void> subscribe(Handler handler);
  void publish(const AgentEvent& event);

 private:
  struct Subscriber {
    std::recursive_mutex running;
    bool active = true;
    Handler handler;
  };
  std::mutex mutex_;
  std::vector<std::weak_ptr<Subscriber>> subscribers_;
};

}  // namespace ringside::agent
