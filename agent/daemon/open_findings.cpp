// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/open_findings.h"

#include "agent/daemon/evidence_of.h"
#include "agent/daemon/wall_clock.h"
#include "agent/log.h"

#include <fmt/format.h>

namespace ringside::agent {

namespace {

constexpr std::size_t kMostToOpen = 100;  // findings of one look that get evidence

}  // namespace

FindingRecord OpenFindings::record_of(const Finding& finding) const {
  const policies::Policy& policy = *finding.policy;
  FindingRecord record;
  record.guest = guest_.key;
  record.guest_name = guest_.name;
  record.policy = policy.name;
  record.policy_version = policy.version;
  record.check = finding.check->id;
  record.title = finding.check->title;
  record.message = finding.violation.message;
  record.remediation = policy.remediation;
  record.severity = finding.check->severity;
  record.attack = finding.check->attack.empty() ? policy.attack : finding.check->attack;
  record.fingerprint = finding.violation.fingerprint;
  record.row = json_row(finding.violation.columns, finding.violation.row);
  record.id = finding_id(record);
  return record;
}

std::optional<std::string> OpenFindings::exception_for(const Finding& finding,
                                                       const policies::ExceptionSet& exceptions,
                                                       Moment now) const {
  const policies::GuestFacts guest{guest_.name, guest_.uuid, guest_.labels};
  const auto* exception = exceptions.match({guest, finding.policy->name, finding.check->id,
                                            finding.violation.columns, finding.violation.row, now});
  return exception == nullptr ? std::nullopt : std::optional(exception->id);
}

Result<std::vector<FindingRecord>> OpenFindings::open_in_store() const {
  FindingStore::Filter open;
  open.guest = guest_.key;
  open.state = FindingRecord::State::open;
  open.limit = 100'000;
  return tools_.findings.list(open);
}

void OpenFindings::take_over(const std::vector<policies::Policy>& policies, BlindFindings& blind) {
  std::set<std::string> in_force;
  for (const auto& policy : policies) {
    in_force.insert(policy.name);
    for (const auto& check : policy.checks) in_force.insert(check_key(policy, check));
  }
  stale_.clear();
  const auto before = open_in_store();
  if (!before) return;
  for (const auto& record : *before) {
    if (record.kind == FindingRecord::Kind::unwatched) continue;
    const bool is_blind = record.kind == FindingRecord::Kind::blind;
    const std::string key = is_blind ? record.policy : record.policy + '/' + record.check;
    if (!in_force.contains(key))
      tools_.ledger.resolve(record.id, "its policy is no longer in force", wall_clock());
    else if (is_blind)
      blind.remember(record.policy);
    else
      stale_[key].insert(record.id);
  }
}

void OpenFindings::forget() {
  stale_.clear();
  suppressed_.clear();
}

void OpenFindings::take(const std::vector<Change>& changes, const LatestResults& latest,
                        const policies::ExceptionSet& exceptions, guest::live::LiveGuest& live, Moment now,
                        const OnNews& on_news) {
  std::size_t with_evidence = 0;
  for (const auto& change : changes) {
    if (change.kind == Change::Kind::resolved) {
      const std::string id = record_of(change.finding).id;
      suppressed_.erase(id);
      tools_.ledger.resolve(id, "it is no longer there", now);
    }
    if (change.kind != Change::Kind::opened) continue;
    FindingRecord record = record_of(change.finding);
    record.suppressed_by = suppressed_[record.id] = exception_for(change.finding, exceptions, now);
    const auto& result = latest.of(*change.finding.policy, *change.finding.check);
    // One that was open before this agent started, or before new rules: no news, and nothing to act upon.
    const auto before = tools_.findings.find(record.id);
    const bool news =
        before ? before->state == FindingRecord::State::resolved : before.error().code == Errc::not_found;
    if (news && ++with_evidence <= kMostToOpen)
      if (const auto snapshot = live.snapshot(guest::live::MsrSource::none)) {
        std::string problem;
        record.evidence =
            keep_evidence(tools_.evidence, **snapshot, result, change.finding.violation, now, problem);
        if (!problem.empty()) log::warning("evidence is not kept: " + problem);
      }
    tools_.ledger.open(record, now);
    if (!news) continue;
    tools_.metrics.finding(record.policy, record.check, record.severity);
    on_news(record, result, change.finding.violation);
  }
}

void OpenFindings::resolve_stale(const std::vector<policies::CheckResult>& results, Moment now) {
  if (stale_.empty()) return;
  for (const auto& result : results) {
    const auto known = stale_.find(check_key(*result.policy, *result.check));
    if (known == stale_.end() || result.verdict == policies::Verdict::unknown || !result.reasons.empty())
      continue;
    for (const auto& violation : result.violations)
      known->second.erase(record_of({result.policy, result.check, violation, now, now}).id);
    for (const auto& id : known->second) tools_.ledger.resolve(id, "it is no longer there", now);
    stale_.erase(known);
  }
}

void OpenFindings::weigh_exceptions(const FindingLog& log, const policies::ExceptionSet& exceptions,
                                    Moment now) {
  for (const auto& [key, finding] : log.open()) {
    FindingRecord record = record_of(finding);
    record.suppressed_by = exception_for(finding, exceptions, now);
    auto& known = suppressed_[record.id];
    if (known == record.suppressed_by) continue;
    known = record.suppressed_by;
    tools_.ledger.open(std::move(record), now);
  }
}

void OpenFindings::seen(const FindingLog& log, Moment now) {
  std::vector<std::string> ids;
  for (const auto& [key, finding] : log.open()) ids.push_back(record_of(finding).id);
  tools_.ledger.seen(std::move(ids), now);
}

void OpenFindings::resolve_all(const std::string& why, bool unwatched_too) {
  if (const auto left = open_in_store())
    for (const auto& record : *left)
      if (unwatched_too || record.kind != FindingRecord::Kind::unwatched)
        tools_.ledger.resolve(record.id, why, wall_clock());
}

Result<Json> OpenFindings::explain(const std::string& wanted, const FindingLog& log,
                                   const policies::ExceptionSet& set) const {
  for (const auto& [key, finding] : log.open()) {
    const FindingRecord record = record_of(finding);
    if (record.id != wanted) continue;
    const policies::GuestFacts guest{guest_.name, guest_.uuid, guest_.labels};
    Json exceptions = Json::array();
    for (const auto& trace : set.explain({guest, record.policy, record.check, finding.violation.columns,
                                          finding.violation.row, wall_clock()})) {
      std::string why_not;
      for (const auto& one : trace.why_not) why_not += (why_not.empty() ? "" : "; ") + one;
      exceptions.push_back({{"exception", trace.exception->id},
                            {"matches", trace.why_not.empty()},
                            {"why_not", why_not},
                            {"reason", trace.exception->reason},
                            {"owner", trace.exception->owner},
                            {"file", fmt::format("{}:{}", trace.exception->file, trace.exception->line)}});
    }
    const auto matching = exception_for(finding, set, wall_clock());
    return Json{{"finding", wanted},
                {"policy", record.policy},
                {"check", record.check},
                {"message", record.message},
                {"suppressed_by", matching ? Json(*matching) : Json()},
                {"says", matching             ? "exception " + *matching + " silences it"
                         : exceptions.empty() ? "there is no exception for policy " + record.policy
                                              : "no exception matches"},
                {"exceptions", std::move(exceptions)}};
  }
  return fail(Errc::unavailable, "finding " + wanted + " is not open on a guest that is watched now",
              "only open findings can be explained");
}

}  // namespace ringside::agent
