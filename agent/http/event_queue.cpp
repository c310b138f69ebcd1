// SPDX-License-Identifier: Apache-2.0
#include "agent/http/event_queue.h"

namespace ringside::agent::http {

void EventQueue::push(std::string event) {
  const std::lock_guard lock(mutex_);
  if (closed_ || overflowed_) return;
  if (waiting_.size() >= bound_)
    overflowed_ = true;
  else
    waiting_.push_back(std::move(event));
  if (waiting_.size() == 1 || overflowed_) wake_();
}

std::string EventQueue::take() {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& event : waiting_) all += event;
  waiting_.clear();
  return all;
}

bool EventQueue::overflowed() const {
  const std::lock_guard lock(mutex_);
  return overflowed_;
}

void EventQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  wake_ = nullptr;
}

}  // namespace ringside::agent::http
