// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/blind_checks.h"

namespace ringside::agent {

void BlindChecks::restart() {
  unknown_.clear();
  for (auto& [policy, checks] : told_)
    if (!checks.empty()) checks = {""};  // no check's id: what is blind then is told anew
}

void BlindChecks::remember(const std::string& policy) {
  told_[policy] = {""};
}

BlindChecks::News BlindChecks::update(const std::vector<policies::CheckResult>& results,
                                      std::chrono::milliseconds after, Moment now) {
  std::set<const policies::Policy*> looked_at;
  for (const auto& result : results) {
    looked_at.insert(result.policy);
    auto& unknown = unknown_[result.policy];
    if (result.verdict != policies::Verdict::unknown) {
      unknown.erase(result.check->id);
      continue;
    }
    auto& state = unknown.try_emplace(result.check->id, State{now, ""}).first->second;
    state.reason = result.reasons.empty() ? "no reason is known" : result.reasons.front();
  }
  News news;
  for (const auto* policy : looked_at) {
    Blind blind{policy, {}};
    std::set<std::string> ids;
    for (const auto& [id, state] : unknown_[policy]) {
      if (now - state.since < after) continue;
      ids.insert(id);
      blind.checks.push_back(id + ": " + state.reason);
    }
    auto& told = told_[policy->name];
    // Not long enough unknown to be told is not seeing.
    if (ids == told || (ids.empty() && !unknown_[policy].empty())) continue;
    told = ids;
    if (ids.empty())
      news.seeing.push_back(policy->name);
    else
      news.blind.push_back(std::move(blind));
  }
  return news;
}

}  // namespace ringside::agent
