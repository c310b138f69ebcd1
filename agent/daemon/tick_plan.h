// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/policy.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace ringside::agent {

/// When the policies of one guest are due. Policies of the same interval are due together, and intervals that
/// come due close to each other share a look; each is jittered by a tenth, so that many guests do not tick in
/// step. Knows no clock: the moments are given.
class TickPlan {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  /// Everything is due at `now`.
  void begin(const std::vector<policies::Policy>& policies, Moment now);
  /// What is due at `now` is noted as looked at, and what was due and could not be looked at in time is
  /// counted. False: nothing is due.
  bool take(Moment now);
  /// Of what take() found due.
  bool due(const policies::Policy& policy) const { return due_.contains(policy.interval); }
  /// When something is due next.
  Moment next() const;

  std::uint64_t ticks() const { return ticks_; }
  /// Intervals that went by without a look: one that is late by more than half of its interval is the next
  /// interval's. ticks() and missed() of an interval add up to the time that went by.
  std::uint64_t missed() const { return missed_; }

 private:
  std::chrono::milliseconds jittered(std::chrono::milliseconds interval);
  std::map<std::chrono::milliseconds, Moment> next_;  ///< by interval
  std::set<std::chrono::milliseconds> due_;
  std::uint64_t ticks_ = 0, missed_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace ringside::agent
