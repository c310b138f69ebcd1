// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/json.h"
#include "policies/engine/baseline.h"
#include "policies/engine/policy.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// Which baseline a guest that has booted gets, and how far it is one of the boot before. Knows no guest: it
/// is told what happens. Not thread-safe.
class BootBaseline {
 public:
  using Clock = std::chrono::steady_clock;

  struct Choice {
    enum class Kind {
      keep,   ///< `before` is of this boot
      carry,  ///< `before` is of an earlier boot of this kernel build
      learn,  ///< there is none that says anything of this boot
    };
    Kind kind = Kind::learn;
    std::optional<policies::Baseline> before{};
    std::string why{};  ///< of learn: for the journal
    /// Of carry and learn: the guest's start-up still goes on, so that what it adds is to be learned too.
    bool starts_up = false;
  };

  void attached();
  /// The guest was reset, or its kernel has started another one: what is stored is of an earlier boot.
  void boot_began();
  /// It was seen before its kernel had set itself up.
  void is_booting() { seen_booting_ = true; }
  /// `settle`: how long the guest's start-up may take.
  Result<Choice> choose(policies::BaselineStore& store, const std::string& guest, guest::Snapshot& snapshot,
                        std::chrono::milliseconds settle) const;

  /// `baseline` is in force from now on. What its checks have of an earlier boot is worked out; `snapshot` is
  /// of this boot, nullptr: there is none to be had.
  void in_force(const policies::Baseline& baseline, const std::vector<policies::Policy>& policies,
                guest::Snapshot* snapshot, std::chrono::milliseconds settle);
  /// When the guest's start-up will have had its time; nullopt: it had, or nothing hangs on it.
  std::optional<Clock::time_point> settles_at() const { return settles_at_; }
  /// It could not be settled: tried again then.
  void settle_later();

  /// `ringside guests --json`, `baseline`: "kernel", "build_id", "start_up", "carried_from" and, where it is
  /// not null, "carried", "in_part" and "learned_anew".
  const Json& report() const { return report_; }
  /// The same in words: "7 checks compare with it, 3 in part; 5 learned anew".
  const std::string& summary() const { return summary_; }

 private:
  bool starts_up(guest::Snapshot& snapshot, Choice::Kind kind, std::chrono::milliseconds settle) const;

  bool boot_seen_ = false, seen_booting_ = false;
  std::optional<Clock::time_point> settles_at_;
  Json report_ = Json::object();
  std::string summary_;
};

}  // namespace ringside::agent
