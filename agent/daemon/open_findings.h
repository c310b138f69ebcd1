// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/blind_findings.h"
#include "agent/daemon/latest_results.h"
#include "agent/daemon/session_tools.h"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ringside::agent {

/// The violations of one guest between its looks and the ledger: told when they open, with their evidence and
/// the exception that silences them, and resolved when they are gone, those of before this session too.
class OpenFindings {
 public:
  /// `guest` is read whenever a finding is told; it must outlive this.
  OpenFindings(SessionTools tools, const GuestFacts& guest) : tools_(std::move(tools)), guest_(guest) {}

  /// What is open of this guest, of an earlier session or of other rules: it is over once its check says so,
  /// or once there is no such check any more. `blind` is told of its own.
  void take_over(const std::vector<policies::Policy>& policies, BlindFindings& blind);
  /// The session begins anew with the guest: what is open stays open in the store.
  void forget();
  /// New exceptions: all open findings are weighed against them.
  void forget_exceptions() { suppressed_.clear(); }

  /// Told of each violation that was not open before; what it may do is an action on it.
  using OnNews = std::function<void(const FindingRecord& record, const policies::CheckResult& result,
                                    const policies::Violation& violation)>;
  void take(const std::vector<Change>& changes, const LatestResults& latest,
            const policies::ExceptionSet& exceptions, guest::live::LiveGuest& live, Moment now,
            const OnNews& on_news);
  /// Resolves what was taken over and is not among these results, of checks that can say so.
  void resolve_stale(const std::vector<policies::CheckResult>& results, Moment now);
  /// Exceptions expire while findings are open.
  void weigh_exceptions(const FindingLog& log, const policies::ExceptionSet& exceptions, Moment now);
  /// Keeps on disk that they were seen at `now`.
  void seen(const FindingLog& log, Moment now);
  /// All of the guest's that are open, blind ones too, and with `unwatched_too` that it is not watched.
  void resolve_all(const std::string& why, bool unwatched_too);

  /// What each exception for the policy of one finding says of it. `unavailable`: it is not open.
  Result<Json> explain(const std::string& wanted, const FindingLog& log,
                       const policies::ExceptionSet& exceptions) const;

 private:
  FindingRecord record_of(const Finding& finding) const;
  std::optional<std::string> exception_for(const Finding& finding, const policies::ExceptionSet& exceptions,
                                           Moment now) const;
  Result<std::vector<FindingRecord>> open_in_store() const;

  SessionTools tools_;
  const GuestFacts& guest_;
  /// Open findings of before this session, by check_key(): resolved once their check says that they are no
  /// more.
  std::map<std::string, std::set<std::string>> stale_;
  std::map<std::string, std::optional<std::string>> suppressed_;  ///< exceptions of open ones, by their id
};

}  // namespace ringside::agent
