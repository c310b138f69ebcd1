// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/guest_facts.h"
#include "agent/daemon/ledger.h"

#include <chrono>
#include <optional>

namespace ringside::agent {

/// The finding that one guest does not come up: nothing in it is judged meanwhile. That it boots is a state
/// of its own, and no finding until it has lasted longer than any sound boot. Knows no clock.
class LongBoot {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  /// Until a kernel has set itself up: firmware, boot loader, network boot, decompression, drivers. Resets on
  /// the way begin nothing anew: a guest that never comes up is not seen either.
  static constexpr std::chrono::minutes kLongest{15};

  /// `guest` is read whenever the finding is told; it must outlive this.
  LongBoot(Ledger& ledger, const GuestFacts& guest) : ledger_(ledger), guest_(guest) {}

  /// It boots at `at`, which is `now` by the other clock.
  void goes_on(Instant at, Moment now);
  /// It is up, or gone. Also ends what an agent before this one has told.
  void over(const std::string& why, Moment now);

 private:
  FindingRecord record() const;

  Ledger& ledger_;
  const GuestFacts& guest_;
  std::optional<Instant> since_;
  bool told_ = false;
};

}  // namespace ringside::agent
