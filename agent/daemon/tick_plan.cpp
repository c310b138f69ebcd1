// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/tick_plan.h"

#include <algorithm>

namespace ringside::agent {

using std::chrono::milliseconds;

milliseconds TickPlan::jittered(milliseconds interval) {
  const auto tenth = interval.count() / 10;
  return interval + milliseconds(std::uniform_int_distribution<milliseconds::rep>(-tenth, tenth)(random_));
}

void TickPlan::begin(const std::vector<policies::Policy>& policies, Moment now) {
  next_.clear();
  due_.clear();
  for (const auto& policy : policies) next_[policy.interval] = now;
}

bool TickPlan::take(Moment now) {
  due_.clear();
  for (auto& [interval, at] : next_) {
    // What is due within a tenth of its interval shares this look.
    if (at > now + interval / 10) continue;
    due_.insert(interval);
    if (now > at) missed_ += static_cast<std::uint64_t>((now - at) / interval);
    at = now + jittered(interval);
  }
  if (due_.empty()) return false;
  ++ticks_;
  return true;
}

TickPlan::Moment TickPlan::next() const {
  Moment first = Moment::max();
  for (const auto& [interval, at] : next_) first = std::min(first, at);
  return first;
}

}  // namespace ringside::agent
