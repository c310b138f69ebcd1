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
    // Time goes on where looks do not keep up: the next one is reckoned from when this one should have been,
    // and what comes nearer to that one is its look; this one is missed.
    const auto late = now > at ? (now - at + interval / 2) / interval : 0;
    missed_ += static_cast<std::uint64_t>(late);
    at += late * interval + jittered(interval);
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
