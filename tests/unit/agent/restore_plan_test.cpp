// SPDX-License-Identifier: Apache-2.0
#include "agent/restore_plan.h"

#include <gtest/gtest.h>

namespace ringside::agent {
namespace {

EntryRow row(std::int64_t entry, const char* raw, std::int64_t vcpu = 0) {
  const auto offset = static_cast<std::uint64_t>(entry) * 16;
  return {vcpu, entry, 0xffff'fe00'0000'0000 + offset, 0x5000 + offset, from_hex(raw).value()};
}

constexpr const char* kGate = "00081000008e0081ffffffff00000000";
constexpr const char* kHooked = "00081000008e00c0ffffffff00000000";
constexpr const char* kCode = "ffff0000009baf00";
constexpr const char* kCodeNotAccessed = "ffff0000009aaf00";
constexpr const char* kTssBusy = "67200030008b0000feffff00fe000000";
constexpr const char* kTssAvailable = "6720003000890000feffff00fe000000";

TEST(RestorePlan, IsEmptyWhenNothingDiffers) {
  RestorePlan plan;
  plan_table(plan, "idt", {row(3, kGate)}, {row(3, kGate)});
  EXPECT_TRUE(plan.steps.empty());
  EXPECT_TRUE(plan.not_possible.empty());
}

TEST(RestorePlan, PutsTheBaselineBackWhereItDiffers) {
  RestorePlan plan;
  plan_table(plan, "idt", {row(3, kGate), row(14, kGate)}, {row(3, kGate), row(14, kHooked)});
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.steps[0].entry, 14);
  const auto writes = plan.writes();
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(writes[0].gpa.value, 0x50e0u);
  EXPECT_EQ(to_hex(writes[0].expected), kHooked);
  EXPECT_EQ(to_hex(writes[0].replacement), kGate);
}

TEST(RestorePlan, WritesATableThatVcpusShareOnce) {
  RestorePlan plan;
  plan_table(plan, "idt", {row(14, kGate, 0), row(14, kGate, 1)}, {row(14, kHooked, 0), row(14, kHooked, 1)});
  EXPECT_EQ(plan.steps.size(), 1u);
  EXPECT_TRUE(plan.not_possible.empty());
}

TEST(RestorePlan, SaysWhenSharedEntriesHaveDifferentBaselines) {
  RestorePlan plan;
  plan_table(plan, "idt", {row(14, kGate, 0), row(14, kCode, 1)},
             {row(14, kHooked, 0), row(14, kTssBusy, 1)});
  EXPECT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.not_possible.size(), 1u);
}

TEST(RestorePlan, DoesNotWriteToATableThatHasMoved) {
  RestorePlan plan;
  auto moved3 = row(3, kHooked), moved14 = row(14, kHooked);
  moved3.gva += 0x1000;
  moved14.gva += 0x1000;
  plan_table(plan, "idt", {row(3, kGate), row(14, kGate)}, {moved3, moved14});
  EXPECT_TRUE(plan.steps.empty());
  ASSERT_EQ(plan.not_possible.size(), 1u) << "said once a vCPU";
  EXPECT_NE(plan.not_possible[0].find("has moved"), std::string::npos);
}

TEST(RestorePlan, SaysWhichEntryIsGone) {
  RestorePlan plan;
  plan_table(plan, "idt", {row(14, kGate)}, {});
  ASSERT_EQ(plan.not_possible.size(), 1u);
  EXPECT_EQ(plan.not_possible[0], "idt entry 14 of vCPU 0 is gone or cannot be read");
}

TEST(RestorePlan, LeavesBitsAloneThatTheCpuSets) {
  RestorePlan plan;
  plan_table(plan, "gdt", {row(2, kCode), row(8, kTssBusy)},
             {row(2, kCodeNotAccessed), row(8, kTssAvailable)});
  EXPECT_TRUE(plan.steps.empty());
}

TEST(RestorePlan, RestoresARealChangeBesideSuchABit) {
  RestorePlan plan;
  plan_table(plan, "gdt", {row(2, kCode)}, {row(2, "ffff000000faaf00")});  // DPL 3
  EXPECT_EQ(plan.steps.size(), 1u);
}

TEST(RestorePlan, ATssThatBecameACallGateIsAChange) {
  RestorePlan plan;
  plan_table(plan, "gdt", {row(8, kTssBusy)}, {row(8, "67200030008c0000feffff00fe000000")});
  EXPECT_EQ(plan.steps.size(), 1u);
}

TEST(RestorePlan, LeavesEntriesOfTheRunningTaskAlone) {
  RestorePlan plan;
  const std::vector<EntryRow> before{row(8, kTssBusy), row(12, "0000000000000000"),
                                     row(15, "0000000000f54000")};
  const std::vector<EntryRow> now{row(8, kTssBusy), row(12, "ffff0000f0f3cf00"), row(15, "0100000000f54000")};
  plan_table(plan, "gdt", before, now);
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.steps[0].entry, 15);
}

TEST(RestorePlan, TasksOwnOtherEntriesIn32BitKernels) {
  RestorePlan plan;
  plan_table(plan, "gdt", {row(6, kCode), row(12, kCode)},
             {row(6, "ffff000000faaf00"), row(12, "ffff000000faaf00")});
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.steps[0].entry, 12);
}

}  // namespace
}  // namespace ringside::agent
