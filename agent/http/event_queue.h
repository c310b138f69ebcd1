// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace ringside::agent::http {

/// The events that wait for one client. One thread or several put in, which never waits; one takes out.
/// Beyond the bound nothing more goes in: the client is to be told and cut off.
class EventQueue {
 public:
  /// `wake` is called when there is something to take after there was nothing, under the queue's lock: it
  /// only posts.
  EventQueue(std::size_t bound, std::function<void()> wake) : bound_(bound), wake_(std::move(wake)) {}

  void push(std::string event);
  /// All that wait, joined; empty: none.
  std::string take();
  /// An event did not go in any more.
  bool overflowed() const;
  /// Nothing goes in from now on; `wake` is not called any more and is destroyed.
  void close();

 private:
  std::size_t bound_;
  std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::deque<std::string> waiting_;
  bool overflowed_ = false, closed_ = false;
};

}  // namespace ringside::agent::http
