// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/config/config.h"
#include "agent/daemon/guest_facts.h"
#include "agent/daemon/ledger.h"

#include <chrono>
#include <optional>
#include <string>

namespace ringside::agent {

/// How often, and since when, one guest could not be attached to: how long to wait before it is tried again,
/// and the finding that it is not watched. Knows no clock for its decisions: the moments are given.
class AttachAttempts {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  /// `candidate` is the id by which its source knows the guest.
  AttachAttempts(Ledger& ledger, std::string candidate) : ledger_(ledger), candidate_(std::move(candidate)) {}

  struct Failed {
    std::chrono::milliseconds wait;  ///< until the next attempt
    bool news;                       ///< the first failure since it was attached to
  };
  /// Opens the finding once the guest has not been watched for long enough; not if it is `watched_elsewhere`.
  Failed failed(const Error& error, const GuestFacts& guest, bool watched_elsewhere,
                const Config::Watching& settings, Moment now);
  void attached(const GuestFacts& guest, Moment now);
  /// A connection that has lasted counts as success: called now and then while it does.
  void lasts(const GuestFacts& guest, Moment now);
  /// A connection that ends at `now` counts as one more failure to attach.
  bool was_short(Moment now) const;

 private:
  void resolve_unwatched(const GuestFacts& guest);

  Ledger& ledger_;
  std::string candidate_;
  unsigned failures_ = 0;
  std::optional<Moment> failing_since_;
  Moment attached_at_{};
};

}  // namespace ringside::agent
