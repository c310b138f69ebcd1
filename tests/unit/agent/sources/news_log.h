// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/sources/guest_source.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace ringside::agent {

/// Keeps what a source tells, as lines: "+id", "-id", "!id".
class NewsLog {
 public:
  std::function<void(const GuestNews&)> teller() {
    return [this](const GuestNews& news) {
      const std::lock_guard lock(mutex_);
      const char sign = news.kind == GuestNews::Kind::appeared ? '+'
                        : news.kind == GuestNews::Kind::gone   ? '-'
                                                               : '!';
      lines_.push_back(sign + news.candidate.id);
      all_.push_back(news);
      changed_.notify_all();
    };
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::vector<GuestNews> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }
  /// Waits until exactly so many were told, with a limit that no healthy machine reaches; what was told.
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return lines_.size() >= count; });
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  std::vector<GuestNews> all_;
};

}  // namespace ringside::agent
