// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/pauses.h"

#include "agent/output/format.h"

#include <fmt/format.h>

#include <numeric>

namespace ringside::agent {

Result<void> Pauses::allow(Moment now) {
  while (!minute_.empty() && now - minute_.front().at >= std::chrono::minutes(1)) minute_.pop_front();
  const auto spent = std::accumulate(minute_.begin(), minute_.end(), std::chrono::microseconds(0),
                                     [](auto sum, const Pause& pause) { return sum + pause.length; });
  if (spent + budget_.longest <= budget_.per_minute) return {};
  return fail(Errc::unavailable,
              fmt::format("the guest's budget of pauses is spent: {} of {} within a minute",
                          human_duration(spent), human_duration(budget_.per_minute)),
              "`pauses` in the configuration says how much a guest may be stopped");
}

void Pauses::took(std::chrono::microseconds length, Moment now) {
  minute_.push_back({now, length});
  ++count_;
  total_ += length;
}

}  // namespace ringside::agent
