// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/findings.h"
#include "agent/output/json.h"
#include "agent/output/style.h"
#include "guest/snapshot.h"
#include "policies/engine/evaluator.h"

#include <string>
#include <vector>

namespace ringside::agent {

/// How many checks came out how.
struct Tally {
  std::size_t ok = 0, violated = 0, unknown = 0, not_applicable = 0;
  static Tally of(const std::vector<policies::CheckResult>& results);
  std::size_t all() const { return ok + violated + unknown + not_applicable; }
};
/// "14 checks: 11 ok, 1 VIOLATED, 2 unknown".
std::string summary(const Tally& tally, const Style& style);
Json to_json(const Tally& tally);

/// One scan as a document: `policies` with what they are about and came to, `checks` with reasons and
/// findings.
Json scan_json(const guest::GuestInfo& info, const std::vector<policies::CheckResult>& results, Moment now);

}  // namespace ringside::agent
