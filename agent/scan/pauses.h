// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <chrono>
#include <cstdint>
#include <deque>

namespace ringside::agent {

/// How much a guest may be made to stand still for checks. Knows no clock: the moments are given.
class Pauses {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  struct Budget {
    std::chrono::milliseconds longest{100};  ///< of one pause; one that took longer counts against the rate
    std::chrono::milliseconds per_minute{500};  ///< in all within a minute
  };

  explicit Pauses(Budget budget) : budget_(budget) {}

  /// Whether the guest may be stopped once more: as long as `longest` still fits into the minute, and the
  /// last pause did not take more than its share. `unavailable` says why not, and until when.
  Result<void> allow(Moment now);
  void took(std::chrono::microseconds length, Moment now);

  std::uint64_t count() const { return count_; }
  std::chrono::microseconds total() const { return total_; }

 private:
  struct Pause {
    Moment at;
    std::chrono::microseconds length;
  };
  Budget budget_;
  std::deque<Pause> minute_;  ///< those within the last minute
  std::uint64_t count_ = 0;
  std::chrono::microseconds total_{0};
};

}  // namespace ringside::agent
