// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/findings.h"
#include "agent/scan/confirmation.h"
#include "agent/scan/pauses.h"
#include "guest/live/live_guest.h"
#include "policies/engine/evaluator.h"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// Looks at one running guest, again and again: what each look comes to, with second looks at what is
/// doubtful, and with what has to be confirmed over a window carried from look to look. Keeps the open
/// findings. Not thread-safe.
class Looks {
 public:
  /// What one look came to; checks that are still being confirmed are missing.
  struct Look {
    std::vector<policies::CheckResult> results;
    bool booted = false;                  ///< the guest's kernel has set itself up since the last look
    std::optional<std::string> unread{};  ///< why the guest could not be read
  };

  /// `msrs` is how each look reads them; `pauses` (nullptr: no bound) says whether a look may stop the guest.
  /// All must outlive this.
  Looks(guest::live::LiveGuest& guest, policies::Evaluator& evaluator,
        const std::vector<policies::Policy>& policies, guest::live::MsrSource msrs, Pauses* pauses = nullptr);

  /// The guest was reset, or is watched from its start on: nothing is judged until its kernel has set its
  /// entry points up. Without a baseline from now on, since that is of the boot before. Gives what went
  /// wrong.
  std::vector<std::string> begin_boot();
  bool booting() const { return settling_since_.has_value(); }

  /// nullopt: QEMU has gone. A guest that cannot be read gives all checks as unknown. Policies that are not
  /// `due` are left out, but for those of which something is being confirmed.
  std::optional<Look> look(const std::function<bool(const policies::Policy&)>& due = nullptr);
  /// Takes a look into the open findings.
  std::vector<Change> take(const Look& look, Moment now) { return findings_.update(look.results, now); }

  const FindingLog& findings() const { return findings_; }
  /// Checks that are being confirmed.
  std::size_t undecided() const { return confirmation_.undecided(); }
  /// How soon there should be another look for the sake of what is being confirmed; nullopt: there is none.
  std::optional<std::chrono::milliseconds> pace() const { return confirmation_.pace(); }

 private:
  Result<Look> try_look(const std::function<bool(const policies::Policy&)>& due);
  bool still_booting(guest::Snapshot& snapshot);
  void confirm(std::vector<policies::CheckResult>& results, guest::Snapshot& snapshot,
               Confirmation::Moment at);
  policies::CheckResult standing_still(const policies::CheckResult& look) const;
  bool is_open(const policies::CheckResult& result) const;
  bool is_news(const policies::CheckResult& result) const;
  bool confirms(const policies::Policy& policy) const;
  void note_reasons(const std::vector<policies::CheckResult>& results);
  std::vector<policies::CheckResult> all_unknown(const std::string& why) const;

  guest::live::LiveGuest& guest_;
  policies::Evaluator& evaluator_;
  const std::vector<policies::Policy>& policies_;
  guest::live::MsrSource msrs_;
  Pauses* pauses_;
  FindingLog findings_;
  std::map<const policies::Check*, std::vector<std::string>>
      reasons_;  ///< of what was unknown at the last look
  Confirmation confirmation_;
  /// Between a reset and the kernel having set its entry points up, nothing is judged.
  std::optional<std::chrono::steady_clock::time_point> settling_since_;
  std::vector<guest::x86::CpuState> settling_cpus_;
};

}  // namespace ringside::agent
