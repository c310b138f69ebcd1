// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/libvirt/connection.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace ringside::agent::libvirt {

/// Who wants to hear of a connection. Thread-safe. When what add() gave has been dropped, its handlers run no
/// more: dropping waits for a call in progress, unless that call itself drops it.
class Observers {
 public:
  std::shared_ptr<void> add(Observer observer) {
    auto entry = std::make_shared<Entry>(std::move(observer));
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(entries_, [](const auto& known) { return known.expired(); });
      entries_.push_back(entry);
    }
    return {entry.get(), [entry](void*) {
              const std::lock_guard lock(entry->running);
              entry->active = false;
            }};
  }

  /// Calls `tell` for each that has the handler `which`.
  template <class Handler, class... Values>
  void tell(Handler Observer::*which, const Values&... values) {
    for (const auto& entry : current()) {
      const std::lock_guard lock(entry->running);
      if (entry->active && entry->observer.*which) (entry->observer.*which)(values...);
    }
  }

 private:
  struct Entry {
    explicit Entry(Observer o) : observer(std::move(o)) {}
    std::recursive_mutex running;
    bool active = true;
    Observer observer;
  };

  std::vector<std::shared_ptr<Entry>> current() {
    std::vector<std::shared_ptr<Entry>> alive;
    const std::lock_guard lock(mutex_);
    for (const auto& entry : entries_)
      if (auto strong = entry.lock()) alive.push_back(std::move(strong));
    return alive;
  }

  std::mutex mutex_;
  std::vector<std::weak_ptr<Entry>> entries_;
};

}  // namespace ringside::agent::libvirt
