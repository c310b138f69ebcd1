// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/blind_findings.h"

#include "agent/output/format.h"

#include <fmt/format.h>

namespace ringside::agent {

void BlindFindings::take(const std::vector<policies::CheckResult>& results, std::chrono::milliseconds after,
                         BlindChecks::Moment at, Moment now) {
  const auto news = checks_.update(results, after, at);
  for (const auto& blind : news.blind) {
    FindingRecord record;
    record.kind = FindingRecord::Kind::blind;
    record.guest = guest_.key;
    record.guest_name = guest_.name;
    record.policy = blind.policy->name;
    record.policy_version = blind.policy->version;
    record.title = "Checks cannot say anything";
    record.message = fmt::format("{} of {}: {}", counted(blind.checks.size(), "check"), blind.policy->name,
                                 blind.checks.front());
    record.severity = policies::Severity::low;
    record.row["checks"] = blind.checks;
    ledger_.open(std::move(record), now);
  }
  for (const auto& policy : news.seeing) {
    FindingRecord record;
    record.kind = FindingRecord::Kind::blind;
    record.guest = guest_.key;
    record.policy = policy;
    ledger_.resolve(finding_id(record), "its checks can be evaluated", now);
  }
}

}  // namespace ringside::agent
