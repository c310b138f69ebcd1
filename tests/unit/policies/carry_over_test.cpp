// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/carry_over.h"

#include "fake_guest.h"
#include "policies/engine/carry_report.h"
#include "policies/engine/evaluator.h"
#include "policies/engine/start_up.h"
#include "policies/tables/portability.h"

#include <gmock/gmock.h>

namespace ringside::policies::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::uint64_t kSlide = 0x1a00000;

BootRecord boot_of(const FakeGuest& guest, const std::string& boot) {
  BootRecord record{"6.1.0-1-amd64", "b1", boot, "tcg max", {}};
  record.regions = {{"", "", guest::Gva{guest.text()}, 0x200000},
                    {"idt", "", guest::Gva{0xfffffe0000000000}, 0x1000}};
  return record;
}

Baseline taken(FakeGuest& guest, BootRecord boot) {
  Baseline baseline = take_baseline(*guest.snapshot()).value();
  baseline.boot = std::make_shared<const BootRecord>(std::move(boot));
  return baseline;
}
Baseline taken(FakeGuest& guest, const std::string& boot) {
  return taken(guest, boot_of(guest, boot));
}

std::string differences(const Baseline& baseline) {
  std::string all;
  for (const auto& one : baseline.boot->carried->differences)
    all += one.table + " " + one.key + " " + one.column + "\n";
  return all;
}

std::vector<CheckResult> judged(const std::vector<Policy>& policies, const Baseline& baseline,
                                FakeGuest& guest) {
  auto evaluator = Evaluator::create(policies).value();
  EXPECT_TRUE(evaluator->set_baseline(&baseline));
  return evaluator->evaluate(*guest.snapshot());
}

std::vector<Policy> cpu_policies() {
  auto all = shipped_policies().policies;
  std::erase_if(all, [](const Policy& policy) { return policy.name.starts_with("linux-"); });
  return all;
}

TEST(Rebased, FollowsTheImageAndTheSameModuleAndNothingElse) {
  BootRecord then, now;
  then.regions = {{"", "", guest::Gva{0xffffffff81000000}, 0x200000},
                  {"module nfs text", "src1", guest::Gva{0xffffffffc0000000}, 0x4000},
                  {"module xfs text", "src2", guest::Gva{0xffffffffc0100000}, 0x4000}};
  now.regions = {{"", "", guest::Gva{0xffffffffa1000000}, 0x200000},
                 {"module nfs text", "src1", guest::Gva{0xffffffffc0300000}, 0x4000},
                 {"module xfs text", "other", guest::Gva{0xffffffffc0100000}, 0x4000}};
  EXPECT_EQ(rebased(0xffffffff81000123, then, now), 0xffffffffa1000123);
  EXPECT_EQ(rebased(0xffffffffc0003fff, then, now), 0xffffffffc0303fff);
  EXPECT_EQ(rebased(0xffffffffc0004000, then, now), std::nullopt);  // behind the module
  EXPECT_EQ(rebased(0xffffffffc0100010, then, now), std::nullopt);  // another build of it
  EXPECT_EQ(rebased(0xffff888000001000, then, now), std::nullopt);  // the heap
}

TEST(SameBoot, GoesByWhatTheKernelDrewAndByAPlaceThatIsRandom) {
  const auto same = [](const std::string& a, const std::string& b, bool boot_seen = false) {
    BootRecord first, second;
    first.build_id = second.build_id = "b1";
    first.boot = a;
    second.boot = b;
    return same_boot(first, second, boot_seen);
  };
  EXPECT_EQ(same("", "aa@"), std::nullopt);
  EXPECT_EQ(same("aa@", "aa@"), true);
  EXPECT_EQ(same("aa@", "bb@"), false);
  EXPECT_EQ(same("aa@0x1/0x2", "bb@0x1/0x3"), false);
  // Somebody wrote over what was drawn.
  EXPECT_EQ(same("aa@0x1/0x2", "bb@0x1/0x2"), true);
  // Once in some ten thousand boots KASLR picks the same place again.
  EXPECT_EQ(same("aa@0x1/0x2", "bb@0x1/0x2", true), false);
  EXPECT_EQ(same("aa@0x1/0x2", "aa@0x1/0x2", true), true);
}

TEST(Portability, NamesTablesAndColumnsThatABaselineKeeps) {
  for (const auto& [name, portable] : portable_tables()) {
    const Table* table = find_table(name);
    ASSERT_NE(table, nullptr) << name;
    EXPECT_TRUE(table->in_baseline) << name;
    std::vector<std::string_view> names;
    for (const auto& [column, portability] : portable.key) names.push_back(column);
    for (const auto& [column, portability] : portable.columns) names.push_back(column);
    if (!portable.decides.empty()) names.push_back(portable.decides);
    for (const auto& [decider, columns] : portable.by_row)
      for (const auto& [column, portability] : columns) names.push_back(column);
    for (const auto column : names) {
      ASSERT_TRUE(table->column(column)) << name << "." << column;
      EXPECT_NE(table->columns[*table->column(column)].stability, Stability::live) << name << "." << column;
    }
    EXPECT_FALSE(portable.key.empty()) << name;
  }
}

TEST(CarryOver, IsQuietOverARebootThatMovedTheKernel) {
  FakeGuest guest(2);
  const auto before = taken(guest, "boot1");
  guest.move_kernel(kSlide);
  for (auto& cpu : guest.cpus) cpu.msrs->sysenter_esp += 0x40000;  // a stack is where it is
  const auto carried = carry_over(before, taken(guest, "boot2"));
  ASSERT_TRUE(carried) << carried.error().message;
  EXPECT_EQ(differences(*carried), "");
  EXPECT_EQ(carried->boot->carried->from, before.taken);
  EXPECT_THAT(carried->boot->carried->tables, Contains(Key("idt")));
  EXPECT_THAT(carried->boot->carried->anew, Contains(Key("tss")));
  const auto policies = cpu_policies();
  for (const auto& result : judged(policies, *carried, guest))
    EXPECT_NE(result.verdict, Verdict::violated) << result.policy->name << "/" << result.check->id;
}

TEST(CarryOver, FindsWhatWasChangedBeforeTheFirstSightOfTheBoot) {
  FakeGuest guest(2);
  const auto before = taken(guest, "boot1");
  guest.move_kernel(kSlide);
  guest.set_gate(31, guest.text() + 0x666);
  guest.cpus[1].msrs->lstar = 0xffff888000001000;  // out of the kernel
  guest.cpus[0].cr4 &= ~x86::cr4::kSmep;
  guest.cpus[1].cr4 &= ~x86::cr4::kSmep;
  const auto carried = carry_over(before, taken(guest, "boot2")).value();
  EXPECT_EQ(differences(carried),
            "idt vcpu=0 vector=31 handler\nidt vcpu=1 vector=31 handler\nmsrs vcpu=1 name=LSTAR value\n"
            "vcpus vcpu=0 smep\nvcpus vcpu=1 smep\n");
  std::string messages;
  const auto policies = cpu_policies();
  for (const auto& result : judged(policies, carried, guest))
    for (const auto& violation : result.violations) messages += violation.message + "\n";
  // Expected is where the handler would be at this boot.
  EXPECT_THAT(messages,
              HasSubstr("IDT gate 31 of vCPU 0 changed: handler 0xffffffff82a002f0 -> "
                        "0xffffffff82a00666, DPL 0 -> 0, type interrupt-gate -> interrupt-gate (changed "
                        "over a reboot: so it was when the baseline was learned, 2024-05-06T00:00:01.000Z)"));
  EXPECT_THAT(messages,
              HasSubstr("LSTAR of vCPU 1 changed: 0xffffffff82a03000 -> 0xffff888000001000 (changed"));
  EXPECT_THAT(messages, HasSubstr("SMEP yes -> no"));

  // What changes at this boot is no matter of the reboot; and both are still there at the next.
  guest.set_gate(40, guest.text() + 0x777);
  messages.clear();
  for (const auto& result : judged(policies, carried, guest))
    for (const auto& violation : result.violations) messages += violation.message + "\n";
  EXPECT_THAT(
      messages,
      Not(HasSubstr("type interrupt-gate -> interrupt-gate (changed over a reboot: so it was when the "
                    "baseline was learned, 2024-05-06T00:00:01.000Z)\nIDT gate 40 of vCPU 0 (changed")));
  const auto third = carry_over(carried, taken(guest, "boot3")).value();
  EXPECT_THAT(differences(third), HasSubstr("idt vcpu=0 vector=31 handler\nidt vcpu=0 vector=40 handler"));
  EXPECT_EQ(third.boot->carried->from, before.taken);
}

TEST(CarryOver, HoldsOtherMachinesAgainstNothingOfTheCpu) {
  FakeGuest guest(2), other(1);
  const auto before = taken(guest, "boot1");
  other.move_kernel(kSlide);
  other.cpus[0].cr4 &= ~x86::cr4::kSmep;
  BootRecord boot = boot_of(other, "boot2");
  boot.machine = "tcg qemu64";
  const auto carried = carry_over(before, taken(other, boot)).value();
  EXPECT_EQ(differences(carried), "");
  EXPECT_THAT(carried.boot->carried->tables, Not(Contains(Key("vcpus"))));
  EXPECT_THAT(carried.boot->carried->anew.at("vcpus"), HasSubstr("another CPU model"));
}

TEST(CarryOver, DoesNotMissVcpusThatTheMachineHasNoMore) {
  for (const auto& [first, second] : {std::pair(2u, 1u), std::pair(1u, 2u)}) {
    FakeGuest guest(first), other(second);
    const auto before = taken(guest, "boot1");
    other.move_kernel(kSlide);
    const auto carried = carry_over(before, taken(other, "boot2")).value();
    EXPECT_EQ(differences(carried), "");
    const auto policies = cpu_policies();
    for (const auto& result : judged(policies, carried, other))
      EXPECT_NE(result.verdict, Verdict::violated) << result.policy->name << "/" << result.check->id;
  }
}

TEST(CarryOver, NamesRowsThatAreNewOrGone) {
  FakeGuest guest;
  const auto before = taken(guest, "boot1");
  guest.cpus[0].idt.limit = 255 * 16 - 1;
  const auto carried = carry_over(before, taken(guest, "boot2")).value();
  EXPECT_THAT(differences(carried), HasSubstr("idt vcpu=0 vector=255 \n"));
  EXPECT_THAT(differences(carried), HasSubstr("registers vcpu=0 name=idtr.limit value\n"));
  EXPECT_THAT(carried.tables.at("idt").rows, SizeIs(256));
}

TEST(CarryOver, KeepsWhatCannotBeReadForABootAtWhichItCan) {
  FakeGuest guest(1);
  const auto before = taken(guest, "boot1");
  auto msrs = std::exchange(guest.cpus[0].msrs, std::nullopt);
  const auto second = carry_over(before, taken(guest, "boot2")).value();
  EXPECT_EQ(differences(second), "");
  guest.cpus[0].msrs = msrs;
  guest.cpus[0].msrs->lstar += 0x10;
  const auto third = carry_over(second, taken(guest, "boot3")).value();
  EXPECT_EQ(differences(third), "msrs vcpu=0 name=LSTAR value\n");
}

TEST(CarryOver, IsRefusedBetweenBuilds) {
  FakeGuest guest;
  BootRecord other = boot_of(guest, "boot2");
  other.build_id = "b2";
  EXPECT_FALSE(carry_over(taken(guest, "boot1"), taken(guest, other)));
  other.build_id = "";
  EXPECT_FALSE(carry_over(taken(guest, other), taken(guest, other)));
}

/// A baseline of the settings alone, as a Linux guest has them.
Baseline with_settings(const std::string& boot, const std::string& kptr, std::int64_t modules_disabled) {
  Baseline baseline;
  baseline.guest = "lab";
  BootRecord record{"6.1.0-1-amd64", "b1", boot, "tcg max", {}};
  baseline.boot = std::make_shared<const BootRecord>(std::move(record));
  StoredTable table;
  table.columns = {"name", "value", "number", "normal", "way", "final", "source", "gva"};
  const auto add = [&](const std::string& name, const std::string& value, const std::string& way) {
    table.rows.push_back({name, value, Value(std::int64_t{std::stoi(value)}), Value(), way, Value(), "symbol",
                          Value(std::int64_t{boot == "boot1" ? 1 : 2})});
  };
  add("kptr_restrict", kptr, "any");
  add("modules_disabled", std::to_string(modules_disabled), "rises");
  baseline.tables["kernel_settings"] = std::move(table);
  return baseline;
}

/// The same before the guest's start-up is over.
Baseline young(const std::string& boot) {
  auto baseline = with_settings(boot, "0", 0);
  BootRecord record = *baseline.boot;
  record.start_up.emplace();
  baseline.boot = std::make_shared<const BootRecord>(std::move(record));
  return baseline;
}

TEST(CarryOver, TakesNoSettingsFromABootThatWasSeenBeforeTheyWereSet) {
  const auto first = young("boot1");
  auto second = carry_over(first, young("boot2")).value();
  EXPECT_THAT(second.boot->carried->anew, Contains(Key("kernel_settings")));
  EXPECT_EQ(differences(second), "");
  ASSERT_TRUE(learn_start_up(second, with_settings("boot2", "2", 0)));
  EXPECT_EQ(differences(second), "");
  EXPECT_EQ(second.tables.at("kernel_settings").rows[0][1], Value("2"));
  // Those that were carried over before are good, whatever the boot in between came to.
  auto third = carry_over(second, young("boot3")).value();
  auto fourth = carry_over(third, young("boot4")).value();
  EXPECT_THAT(fourth.boot->carried->tables, Contains(Key("kernel_settings")));
  EXPECT_EQ(fourth.tables.at("kernel_settings").rows[0][1], Value("2"));
}

TEST(CarryOver, LetsStartUpSetItsSettingsFirst) {
  // What only rises while the kernel runs begins anew.
  auto carried = carry_over(with_settings("boot1", "2", 1), young("boot2")).value();
  EXPECT_EQ(differences(carried),
            "kernel_settings name=kptr_restrict value\n"
            "kernel_settings name=kptr_restrict number\n");
  EXPECT_TRUE(carried.boot->still_starts_up());
  EXPECT_EQ(carried.tables.at("kernel_settings").rows[1][1], Value("0"));
  ASSERT_TRUE(learn_start_up(carried, with_settings("boot2", "2", 0)));
  EXPECT_EQ(differences(carried), "");
  EXPECT_FALSE(carried.boot->still_starts_up());
  carried = carry_over(with_settings("boot1", "2", 1), young("boot2")).value();
  ASSERT_TRUE(learn_start_up(carried, with_settings("boot2", "1", 0)));
  EXPECT_THAT(differences(carried), HasSubstr("kptr_restrict value"));
  EXPECT_EQ(carried.tables.at("kernel_settings").rows[0][1], Value("2"));
  // It is accepted.
  auto accepted = carried;
  accepted.tables = with_settings("boot2", "1", 0).tables;
  forget_accepted(accepted, with_settings("boot2", "1", 0));
  EXPECT_EQ(differences(accepted), "");
}

TEST(CarryReport, SaysOfEachCheckHowFarItComparesWithTheBootBefore) {
  FakeGuest guest;
  const auto before = taken(guest, "boot1");
  guest.move_kernel(kSlide);
  const auto carried = carry_over(before, taken(guest, "boot2")).value();
  const auto policies = cpu_policies();
  const auto report = carry_report(carried, policies, *guest.snapshot());
  ASSERT_TRUE(report) << report.error().message;
  std::vector<std::string> lines;
  for (const auto& one : *report)
    lines.push_back(one.policy + "/" + one.check + " " + std::string(to_string(one.how)) + " " + one.why);
  EXPECT_THAT(lines, ::testing::UnorderedElementsAre(
                         "control-registers/protections-kept all ",
                         "gdt/entries-unchanged part base, limit_bytes belong to one boot",
                         "gdt/table-not-moved part value of gdtr.base belongs to one boot",
                         "idt/gates-unchanged all ", "idt/table-not-moved all ",
                         "msr-entry-points/unchanged part value of SYSENTER_ESP belongs to one boot"));
}

}  // namespace
}  // namespace ringside::policies::testing
