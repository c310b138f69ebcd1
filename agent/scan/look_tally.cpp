// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/look_tally.h"

#include <algorithm>

namespace ringside::agent {

using policies::Verdict;

namespace {
/// Of one check. Reasons name addresses and modules, so that a guest could make up ever new ones.
constexpr std::size_t kMostReasons = 20;
constexpr std::string_view kOtherReasons = "other reasons";
}  // namespace

void LookTally::add(const std::vector<policies::CheckResult>& results) {
  ++looks_;
  for (const auto& result : results) {
    Row& row = rows_[result.policy->name + '/' + result.check->id];
    ++row.said;
    if (result.verdict != Verdict::unknown) continue;
    ++row.unknown;
    for (const auto& reason : result.reasons) {
      const bool room = row.reasons.size() < kMostReasons || row.reasons.contains(reason);
      ++row.reasons[room ? reason : std::string(kOtherReasons)];
    }
  }
}

std::size_t LookTally::ever_unknown() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(rows_, [](const auto& row) { return row.second.unknown > 0; }));
}

std::size_t LookTally::always_unknown() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(rows_, [&](const auto& row) { return row.second.unknown == looks_; }));
}

Json LookTally::to_json() const {
  Json all = Json::array();
  for (const auto& [check, row] : rows_) {
    if (row.said == looks_ && row.unknown == 0) continue;
    Json reasons = Json::array();
    for (const auto& [reason, looks] : row.reasons) reasons.push_back({{"reason", reason}, {"looks", looks}});
    all.push_back({{"check", check},
                   {"unknown", row.unknown},
                   {"being_confirmed", looks_ - row.said},
                   {"reasons", std::move(reasons)}});
  }
  return all;
}

}  // namespace ringside::agent
