// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/guest_summary.h"
#include "agent/output/json.h"
#include "agent/scan/pauses.h"
#include "agent/sources/guest_source.h"
#include "guest/snapshot.h"

#include <mutex>
#include <optional>
#include <string>

namespace ringside::agent {

/// What a session shows of itself: written by its worker, read at any time by whoever asks, also while the
/// worker waits for the guest. Thread-safe.
class SessionView {
 public:
  explicit SessionView(GuestFacts facts);

  void set_state(GuestState state, const std::string& why = {});
  /// When attaching is tried again; forgotten with the next state.
  void retry_at(Moment at);
  void attached(const GuestFacts& facts, const guest::GuestInfo& info);
  void facts(const GuestFacts& facts);
  void kernel(const std::string& release, const std::string& build_id);
  /// `about`: further members of `baseline` in describe().
  void baseline(Moment taken, Json about);
  /// Pauses are counted from zero on.
  void pauses_restarted();

  struct Look {
    GuestState state;
    std::string why;
    bool paused_by_agent;
    Tally checks;
    std::size_t findings, undecided;
    std::uint64_t ticks, missed;
    std::chrono::microseconds took;
    const std::map<std::string, policies::Verdict>& policies;
  };
  /// Gives for how long the guest was paused since the last look; nullopt: it was not.
  std::optional<std::chrono::microseconds> looked(const Look& look, const Pauses& pauses);

  /// For `ringside guests`.
  Json describe(const GuestCandidate& candidate) const;
  GuestSummary summary() const;

 private:
  mutable std::mutex mutex_;
  GuestState state_ = GuestState::attaching;
  std::string why_;
  Moment since_;
  std::optional<Moment> next_try_, last_tick_;
  GuestFacts facts_;
  std::string kernel_, build_id_, qemu_, accelerator_, backend_;
  std::optional<Json> baseline_;
  Tally checks_;
  bool paused_by_agent_ = false;
  std::size_t findings_ = 0, undecided_ = 0;
  std::uint64_t ticks_ = 0, missed_ = 0, pauses_ = 0;
  std::map<std::string, Moment> scanned_;
  std::chrono::microseconds tick_{0}, paused_{0};
};

}  // namespace ringside::agent
