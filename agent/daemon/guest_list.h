// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/guest_session.h"
#include "agent/daemon/scheduler.h"

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace ringside::agent {

/// The sessions of all guests that sources tell of. Thread-safe.
class GuestList {
 public:
  /// The scheduler must outlive stop().
  GuestList(SessionTools tools, Scheduler& scheduler, std::shared_ptr<const Rules> rules);

  /// Begins a session for a guest that appeared, unless it is excluded, or ends one. Does not block.
  void take(const GuestNews& news);
  void replace_rules(std::shared_ptr<const Rules> rules);
  /// Forgets sessions that have ended.
  void tidy();
  /// Ends all sessions; guests are left as they are, their findings stay open.
  void stop();

  /// By name, key, UUID or candidate's id. Of several with that key, as during a migration, one that is
  /// watched. `not_found`; `invalid_argument`: several have that name.
  Result<std::shared_ptr<GuestSession>> find(const std::string& name) const;
  Json describe() const;
  std::vector<GuestSession::Summary> summaries() const;
  struct Totals {
    std::size_t watched = 0, waiting = 0, failed = 0;
    std::uint64_t ticks = 0, missed = 0;
  };
  Totals totals() const;

 private:
  struct Entry {
    std::shared_ptr<GuestSession> session;
    Scheduler::Id job = 0;
  };
  SessionTools tools_;
  Scheduler& scheduler_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Rules> rules_;
  std::map<std::string, Entry> entries_;  ///< by candidate's id
  std::vector<Entry> ending_;
};

}  // namespace ringside::agent
