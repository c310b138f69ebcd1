// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/json.h"
#include "policies/engine/evaluator.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ringside::agent {

/// How often each check could say something while a guest was watched.
class LookTally {
 public:
  /// What one look came to; a check that is missing in it was still being confirmed.
  void add(const std::vector<policies::CheckResult>& results);

  /// Looks in all.
  std::uint64_t looks() const { return looks_; }
  /// Checks that were unknown at some look, and at each one.
  std::size_t ever_unknown() const;
  std::size_t always_unknown() const;
  /// Every check that did not say something at each look: how often it was unknown, for what reasons, and how
  /// often it was being confirmed.
  Json to_json() const;

 private:
  struct Row {
    std::uint64_t said = 0, unknown = 0;
    std::map<std::string, std::uint64_t> reasons;  ///< with how many looks gave them
  };
  std::uint64_t looks_ = 0;
  std::map<std::string, Row> rows_;  ///< by "policy/check"
};

}  // namespace ringside::agent
