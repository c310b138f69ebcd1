// SPDX-License-Identifier: Apache-2.0
#include "agent/restore_findings.h"

#include "tests/unit/agent/results.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

using policies::CheckResult;
using policies::ColumnType;
using policies::Value;

/// A violation whose row says what is to stand where.
CheckResult finding(const SamplePolicy& sample, const Value& expected, const Value& actual,
                    ColumnType type = ColumnType::bytes) {
  auto result = sample.violated({"f00d"});
  result.violations[0].columns = {{"gva", ColumnType::address}, {"expected", type}, {"actual", type}};
  result.violations[0].row = {std::int64_t{-4096}, expected, actual};
  return result;
}

TEST(RestorableFinding, HasPlaceAndBytes) {
  const SamplePolicy sample;
  const auto result = finding(sample, std::string("0f1f4400"), std::string("e9000000"));
  const auto found = restorable(result, result.violations[0], 8);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->check, "idt/gates");
  EXPECT_EQ(found->gva.value, 0xffff'ffff'ffff'f000u);
  EXPECT_EQ(to_hex(found->expected), "0f1f4400");
  EXPECT_EQ(to_hex(found->actual), "e9000000");
}

TEST(RestorableFinding, TakesPointersAsTheyStandInMemory) {
  const SamplePolicy sample;
  const auto result = finding(sample, std::int64_t{0x1122334455667788}, std::int64_t{0}, ColumnType::address);
  EXPECT_EQ(to_hex(restorable(result, result.violations[0], 8)->expected), "8877665544332211");
  EXPECT_EQ(to_hex(restorable(result, result.violations[0], 4)->expected), "88776655");
}

TEST(RestorableFinding, IsNoneWithoutBytesOrOfOtherLength) {
  const SamplePolicy sample;
  for (const auto& result :
       {finding(sample, std::string("0f1f"), std::string("e9")), finding(sample, Value{}, std::string("e9")),
        finding(sample, std::string("no hex"), std::string("e90000")),
        finding(sample, std::string(), std::string()), sample.violated({"a"})})
    EXPECT_FALSE(restorable(result, result.violations[0], 8));
}

RestorePlan plan_of_two_gates() {
  RestorePlan plan;
  add_step(plan, {"idt", 0, 14, {0x1000}, {0x5000}, {std::byte{1}}, {std::byte{2}}});
  add_step(plan, {"idt", 1, 3, {0x2000}, {0x6000}, {std::byte{1}}, {std::byte{2}}});
  return plan;
}

TEST(RestoreWanted, KeepsTheStepOfTheRowThatTheFindingIsAbout) {
  SamplePolicy sample;
  sample.policy.checks[0].table = "idt";
  auto result = sample.violated({"a"});
  result.violations[0].columns = {{"vcpu", ColumnType::integer}, {"vector", ColumnType::integer}};
  result.violations[0].row = {std::int64_t{0}, std::int64_t{14}};
  RestorePlan plan = plan_of_two_gates();
  keep_wanted(plan, {result}, {"a"});
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.steps[0].object(), "gate 14 of vCPU 0");
  EXPECT_TRUE(plan.not_possible.empty());
}

TEST(RestoreWanted, SaysWhichFindingCannotBePutBack) {
  const SamplePolicy sample;
  RestorePlan plan = plan_of_two_gates();
  keep_wanted(plan, {sample.violated({"a"})}, {"a", "b"});
  EXPECT_TRUE(plan.steps.empty());
  ASSERT_EQ(plan.not_possible.size(), 2u);
  EXPECT_NE(plan.not_possible[0].find("finding a does not say"), std::string::npos);
  EXPECT_NE(plan.not_possible[1].find("no finding b"), std::string::npos);
}

TEST(RestoreWanted, KeepsAllWithoutAWish) {
  const SamplePolicy sample;
  RestorePlan plan = plan_of_two_gates();
  keep_wanted(plan, {sample.violated({"a"})}, {});
  EXPECT_EQ(plan.steps.size(), 2u);
}

TEST(RestorePlan, RefusesTwoAnswersForOnePlace) {
  RestorePlan plan = plan_of_two_gates();
  add_step(plan,
           {"linux-text/unexplained", 0, 0, {0x1000}, {0x5000}, {std::byte{1}}, {std::byte{3}}, {}, "f"});
  EXPECT_EQ(plan.steps.size(), 2u);
  ASSERT_EQ(plan.not_possible.size(), 1u);
  EXPECT_NE(plan.not_possible[0].find("say different things"), std::string::npos);
}

TEST(RestorePlan, PutsSystemCallsBackByAbiAndNumber) {
  RestorePlan plan;
  const EntryRow x64{0, 62, 0xffff'ffff'8200'01f0, 0x20001f0, pointer_bytes(-0x1000, 8), "x64"};
  EntryRow ia32 = x64, hooked = x64;
  ia32.abi = "ia32";
  ia32.gva += 0x1000;
  ia32.gpa += 0x1000;
  hooked.raw = pointer_bytes(-0x2000, 8);
  plan_table(plan, "syscalls", {x64, ia32}, {hooked, ia32});
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.steps[0].object(), "x64 call 62");
  EXPECT_EQ(to_hex(plan.steps[0].baseline), "00f0ffffffffffff");
}

}  // namespace
}  // namespace ringside::agent
