// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/policy_test/policy_test.h"
#include "base/error.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ringside::agent {

/// What a policy said of a snapshot, held against what a test expects.
struct CaseOutcome {
  std::vector<std::string> differences;  ///< a line each; empty: it is as expected
  /// Checks that were rightly violated, and rightly not. Of a case with differences: none.
  std::vector<std::string> positive, negative;
  bool passed() const { return differences.empty(); }
};

/// Never fails: a snapshot that cannot be loaded, patched or taken a baseline of is a difference.
CaseOutcome run_policy_test(const PolicyTest& test, const TestCase& one);

/// How many cases there are in which a check is violated, and in which it is not.
struct Coverage {
  std::size_t positive = 0, negative = 0;
  std::string untested;  ///< why there is no case in which it is violated, as the test says
};
/// Of every check of every policy that was tested, by (policy, check). Add each test, and each case's
/// outcome.
class CoverageReport {
 public:
  void add(const PolicyTest& test);
  void add(const PolicyTest& test, const CaseOutcome& outcome);
  const std::map<std::pair<std::string, std::string>, Coverage>& all() const { return all_; }

 private:
  std::map<std::pair<std::string, std::string>, Coverage> all_;
};

}  // namespace ringside::agent
