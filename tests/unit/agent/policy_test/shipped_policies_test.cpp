// SPDX-License-Identifier: Apache-2.0
// The cases of tests/policies, and whether each policy that ships has them: of each check one in which it is
// violated and one in which it is not, or the reason why there is none.
#include "agent/policy_test/run_policy_test.h"
#include "policies/engine/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace ringside::agent {
namespace {

const std::string kCases = RINGSIDE_SOURCE_DIR "/tests/policies/";

class ShippedPolicies : public ::testing::TestWithParam<std::string> {};

TEST_P(ShippedPolicies, PassTheirTests) {
  const auto set = load_policy_tests({kCases + GetParam() + ".yaml"});
  for (const auto& error : set.errors) ADD_FAILURE() << render(error, false);
  CoverageReport report;
  for (const auto& test : set.tests) {
    report.add(test);
    for (const auto& one : test.cases) {
      const CaseOutcome outcome = run_policy_test(test, one);
      EXPECT_THAT(outcome.differences, ::testing::IsEmpty()) << one.name;
      report.add(test, outcome);
    }
  }
  EXPECT_FALSE(report.all().empty());
  std::size_t violated = 0, quiet = 0, excused = 0;
  for (const auto& [check, coverage] : report.all()) {
    const std::string name = check.first + "/" + check.second;
    violated += coverage.positive;
    quiet += coverage.negative;
    excused += coverage.untested.empty() ? 0 : 1;
    if (coverage.untested.empty()) {
      EXPECT_GT(coverage.positive, 0u) << name << ": no case violates it";
      EXPECT_GT(coverage.negative, 0u) << name << ": no case in which it is ok";
    } else {
      EXPECT_EQ(coverage.positive, 0u) << name << " is said to be untested, and is tested";
    }
  }
  if (excused < report.all().size()) {
    EXPECT_GT(violated, 0u) << "no positive case";
    EXPECT_GT(quiet, 0u) << "no negative case";
  }
}

std::vector<std::string> case_files() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(kCases))
    if (file.path().extension() == ".yaml") names.push_back(file.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// A test's name has letters and digits.
std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, ShippedPolicies, ::testing::ValuesIn(case_files()), test_name);

TEST(ShippedPolicyTests, EachPolicyHasAFile) {
  const auto shipped = policies::shipped_policies().policies;
  EXPECT_GE(shipped.size(), 25u);
  const auto set = load_policy_tests({kCases});
  EXPECT_TRUE(set.errors.empty());
  for (const auto& policy : shipped)
    EXPECT_TRUE(std::any_of(set.tests.begin(), set.tests.end(),
                            [&](const auto& test) { return test.policy.name == policy.name; }))
        << "tests/policies has no tests of " << policy.name;
}

}  // namespace
}  // namespace ringside::agent
