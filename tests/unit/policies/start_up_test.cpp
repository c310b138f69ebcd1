// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/start_up.h"

// Before any system header can: see there.
#include "fake_guest.h"
#include "guest/linux/linux_macro.h"
#include "guest/linux/text/kept_text.h"
#include "policies/engine/boot_record.h"
#include "policies/engine/carry_over.h"
#include "policies/engine/evaluator.h"
#include "policies/engine/over_reboot.h"

#include <gmock/gmock.h>

namespace ringside::policies::testing {
namespace {

using guest::linux::KeptRegion;
using guest::linux::KeptText;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::chrono::sys_seconds kEnd{std::chrono::seconds(2'000'000)};

/// A baseline of a guest that starts up: `boot` is what tells this boot from others.
Baseline young(const std::string& boot = "boot1@") {
  Baseline baseline;
  baseline.guest = "lab";
  BootRecord record{"6.1.0-1-amd64", "b1", boot, "tcg max", {}};
  record.regions = {{"", "", guest::Gva{0xffffffff81000000}, 0x1000}};
  record.start_up.emplace();
  baseline.boot = std::make_shared<const BootRecord>(std::move(record));
  return baseline;
}

/// The same guest some time later.
Baseline later(const Baseline& from) {
  Baseline baseline = from;
  BootRecord record = *from.boot;
  record.start_up.reset();
  record.carried.reset();
  baseline.boot = std::make_shared<const BootRecord>(std::move(record));
  baseline.taken = kEnd;
  return baseline;
}

KeptRegion code(const std::string& module, std::uint64_t first, const char* hex,
                const std::string& identity) {
  return {module, identity, guest::Gva{first}, from_hex(hex).value()};
}

void put_code(Baseline& baseline, std::vector<KeptRegion> regions) {
  KeptText text;
  text.regions = std::move(regions);
  baseline.text = std::make_shared<const KeptText>(std::move(text));
}

const KeptRegion kImage = code("", 0xffffffff81000000, "0f1f440000c3", "b1");
const KeptRegion kNfs = code("nfs", 0xffffffffc0000000, "0f1f440000c3", "src 7");

std::string code_of(const Baseline& baseline) {
  std::string all;
  for (const auto& region : baseline.text->regions)
    all += region.module + " " + region.identity + " " + to_hex(region.bytes) + "\n";
  return all;
}

TEST(StartUp, CodeOfModulesThatWereLoadedSinceIsLearnedAndNoneThatIsThereChanges) {
  Baseline kept = young();
  put_code(kept, {kImage, kNfs});
  Baseline now = later(kept);
  // The kernel and nfs were changed meanwhile; xfs came.
  put_code(now, {code("", 0xffffffff81000000, "0f1f440000cc", "b1"),
                 code("nfs", 0xffffffffc0000000, "e9ffffff00c3", "src 7"),
                 code("xfs", 0xffffffffc0001000, "c3c3", "src 9")});
  BootRecord record = *now.boot;
  record.regions.push_back({"module xfs text", "src", guest::Gva{0xffffffffc0001000}, 0x1000});
  record.regions[0].size = 0x2000;
  now.boot = std::make_shared<const BootRecord>(record);
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_EQ(code_of(kept), " b1 0f1f440000c3\nnfs src 7 0f1f440000c3\nxfs src 9 c3c3\n");
  EXPECT_FALSE(kept.boot->still_starts_up());
  ASSERT_TRUE(kept.boot->start_up);
  EXPECT_THAT(kept.boot->start_up->code, ElementsAre("xfs"));
  EXPECT_EQ(kept.boot->start_up->learned, kEnd);
  // Addresses in it can be followed to the next boot.
  ASSERT_THAT(kept.boot->regions, SizeIs(2));
  EXPECT_EQ(kept.boot->regions[0].size, 0x1000u);
  EXPECT_EQ(kept.boot->regions[1], record.regions[1]);
  // Once only.
  put_code(now, {kImage, code("late", 0xffffffffc0002000, "c3", "src 10")});
  const std::string before = code_of(kept);
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_EQ(code_of(kept), before);
}

TEST(StartUp, CodeWhereOtherCodeStoodIsNotLearned) {
  Baseline kept = young();
  put_code(kept, {kImage, kNfs});
  Baseline now = later(kept);
  // Changed, and made to look as if it had been loaded again, or as another module.
  for (const char* module : {"nfs", "xfs"}) {
    put_code(now, {kImage, code(module, 0xffffffffc0000002, "ccccccc3", "src 8")});
    Baseline learned = kept;
    ASSERT_TRUE(learn_start_up(learned, now));
    EXPECT_EQ(code_of(learned), code_of(kept)) << module;
    EXPECT_THAT(learned.boot->start_up->code, IsEmpty()) << module;
  }
  // Loaded again, and the same to the byte.
  KeptRegion again = kNfs;
  again.identity = "src 8";
  put_code(now, {kImage, again});
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_THAT(kept.boot->start_up->code, ElementsAre("nfs"));
  EXPECT_EQ(kept.text->regions.back(), again);
}

TEST(StartUp, CodeThatCouldNotBeReadIsLearnedOnceItCan) {
  Baseline kept = young();
  kept.text_incomplete = {"the kernel's text cannot be read"};
  Baseline now = later(kept);
  now.text_incomplete = {};
  put_code(now, {kImage, kNfs});
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_THAT(kept.boot->start_up->code, ElementsAre(kKernelCode, "nfs"));
  EXPECT_THAT(kept.text_incomplete, IsEmpty());

  Baseline other = young();
  put_code(other, {kImage});
  now.text = nullptr;
  now.text_incomplete = {"why"};
  const auto failed = learn_start_up(other, now);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "why");
  EXPECT_TRUE(other.boot->still_starts_up());
}

TEST(StartUp, IsThatOfOneBoot) {
  Baseline kept = young();
  put_code(kept, {kImage});
  for (const auto& other : {young("boot2@"), [] {
                              Baseline one = young();
                              one.guest = "another";
                              return one;
                            }()}) {
    Baseline now = later(other);
    put_code(now, {kImage, kNfs});
    const auto learned = learn_start_up(kept, now);
    ASSERT_FALSE(learned);
    EXPECT_EQ(learned.error().code, Errc::mismatch);
  }
  EXPECT_TRUE(kept.boot->still_starts_up());
  // Of a guest that had long been up, nothing is learned later.
  Baseline old = later(kept), now = old;
  put_code(now, {kImage, kNfs});
  ASSERT_TRUE(learn_start_up(old, now));
  EXPECT_EQ(code_of(old), " b1 0f1f440000c3\n");
}

StoredTable files(std::vector<std::vector<Value>> rows) {
  return {{"path", "slot", "gva", "pointer"}, std::move(rows), {}};
}

std::vector<Value> file(const char* path, std::int64_t gva, std::int64_t pointer) {
  return {path, "proc_ops", Value(gva), Value(pointer)};
}

TEST(StartUp, RowsComeWhereTheyComeWhileAKernelRuns) {
  Baseline kept = young();
  kept.tables["proc_entries"] = files({file("/proc/stat", 1, 100)});
  kept.tables["syscalls"] = {
      {"abi", "nr", "handler"}, {{"64", Value(std::int64_t{0}), Value(std::int64_t{7})}}, {}};
  Baseline now = later(kept);
  now.tables["proc_entries"] = files({file("/proc/stat", 1, 666), file("/proc/irq/24", 2, 200)});
  now.tables["syscalls"].rows.push_back({"64", Value(std::int64_t{1}), Value(std::int64_t{666})});
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_THAT(kept.tables["proc_entries"].rows,
              ElementsAre(file("/proc/stat", 1, 100), file("/proc/irq/24", 2, 200)));
  // A table that was read wholly says of a row that it was not there.
  EXPECT_THAT(kept.tables["syscalls"].rows, SizeIs(1));
  EXPECT_THAT(kept.boot->start_up->tables, ElementsAre("proc_entries"));
}

StoredTable gates(std::vector<std::pair<std::int64_t, Value>> handlers,
                  std::vector<std::string> incomplete = {}) {
  StoredTable table{{"vcpu", "vector", "handler"}, {}, std::move(incomplete)};
  for (const auto& [vector, handler] : handlers)
    table.rows.push_back({Value(std::int64_t{0}), Value(vector), handler});
  return table;
}

const Value kHandler = Value(static_cast<std::int64_t>(0xffffffff81000100)),
            kOther = Value(static_cast<std::int64_t>(0xffffffff81000200));

TEST(StartUp, WhatCouldNotBeReadOfATableIsLearned) {
  Baseline kept = young();
  kept.tables["idt"] = gates({{1, kHandler}, {2, Value()}}, {"a page is missing"});
  Baseline now = later(kept);
  now.tables["idt"] = gates({{1, kOther}, {2, kHandler}, {3, kHandler}});
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_EQ(kept.tables["idt"].rows, gates({{1, kHandler}, {2, kHandler}, {3, kHandler}}).rows);
  EXPECT_THAT(kept.tables["idt"].incomplete, IsEmpty());
  EXPECT_THAT(kept.boot->start_up->tables, ElementsAre("idt"));
}

/// `table` is as it was at the boot before.
Baseline carried(const std::string& table, StoredTable rows) {
  Baseline baseline = young();
  BootRecord record = *baseline.boot;
  record.carried = Carried{std::chrono::sys_seconds(std::chrono::seconds(77)), {}, {{table, ""}}, {}};
  baseline.boot = std::make_shared<const BootRecord>(std::move(record));
  baseline.tables[table] = std::move(rows);
  // The table hangs on the CPU: rows of vCPUs that had started count.
  baseline.tables["vcpus"] = {{"vcpu", "started"}, {{Value(std::int64_t{0}), Value(std::int64_t{1})}}, {}};
  return baseline;
}

TEST(StartUp, OverARebootATableWithTheSameRowsAtEveryBootGetsNone) {
  Baseline kept = carried("idt", gates({{1, kHandler}}, {"a page is missing"}));
  Baseline now = later(kept);
  now.tables["idt"] = gates({{1, kHandler}, {2, kOther}});
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_EQ(kept.tables["idt"].rows, gates({{1, kHandler}}).rows);
  EXPECT_THAT(kept.tables["idt"].incomplete, SizeIs(1)) << "unknown is not clean";
  EXPECT_FALSE(kept.boot->still_starts_up());

  // With the same rows it is one that was read wholly, and what is not as before differs from the boot
  // before.
  kept = carried("idt", gates({{1, kHandler}}, {"a page is missing"}));
  now.tables["idt"] = gates({{1, kOther}});
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_THAT(kept.tables["idt"].incomplete, IsEmpty());
  EXPECT_EQ(kept.tables["idt"].rows, gates({{1, kHandler}}).rows);
  EXPECT_THAT(kept.boot->carried->differences, ElementsAre(OverReboot{"idt", "vcpu=0 vector=1", "handler"}));
}

StoredTable settings(const char* kptr, std::int64_t kexec) {
  const auto row = [](const char* name, const std::string& value, const char* way) {
    return std::vector<Value>{name, value, Value(std::int64_t{std::stoi(value)}), way};
  };
  return {{"name", "value", "number", "way"},
          {row("kptr_restrict", kptr, "any"), row("kexec_load_disabled", std::to_string(kexec), "rises")},
          {}};
}

TEST(StartUp, WhatItSetsIsLearnedWithItAndWhatGoesOneWayOnlyIsNot) {
  Baseline kept = young();
  kept.tables["kernel_settings"] = settings("0", 1);
  Baseline now = later(kept);
  now.tables["kernel_settings"] = settings("2", 0);
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_EQ(kept.tables["kernel_settings"].rows, settings("2", 1).rows);
  EXPECT_THAT(kept.boot->start_up->tables, ElementsAre("kernel_settings"));

  // What is of the boot before stays, and what is not as it was then is a change over the reboot.
  kept = carried("kernel_settings", settings("0", 1));
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_EQ(kept.tables["kernel_settings"].rows, settings("0", 1).rows);
  EXPECT_THAT(kept.boot->carried->differences, SizeIs(2)) << "value and number";
}

TEST(StartUp, WhatItMaySetIsUnknownUntilThenAndWhatItMayNotIsAChange) {
  Baseline kept = young();
  kept.tables["kernel_settings"] = settings("0", 1);
  auto policies = shipped_policies().policies;
  const auto policy =
      std::ranges::find_if(policies, [](const Policy& one) { return one.name == "linux-settings"; });
  ASSERT_NE(policy, policies.end());
  const auto words = [&](const char* check, std::vector<QueryColumn> columns, std::vector<Value> row) {
    const auto found =
        std::ranges::find_if(policy->checks, [&](const Check& one) { return one.id == check; });
    return over_reboot(&kept, *found, columns, row);
  };
  const auto waits = words("unchanged", {{"name", ColumnType::text}}, {"kptr_restrict"});
  EXPECT_TRUE(waits.waits);
  EXPECT_THAT(waits.words,
              HasSubstr("is not as it was when the kernel had booted, but the guest's start-up"));
  EXPECT_FALSE(words("one-way", {{"name", ColumnType::text}}, {"kexec_load_disabled"}).waits);
  Baseline now = later(kept);
  now.tables["kernel_settings"] = settings("0", 1);
  ASSERT_TRUE(learn_start_up(kept, now));
  EXPECT_FALSE(words("unchanged", {{"name", ColumnType::text}}, {"kptr_restrict"}).waits);
}

TEST(StartUp, AChangeWithinItStaysAChange) {
  FakeGuest guest(1);
  Baseline kept = take_baseline(*guest.snapshot()).value();
  BootRecord record{"6.1.0-1-amd64", "b1", "boot1@", "tcg max", {}};
  kept.boot = std::make_shared<const BootRecord>(record);
  record.start_up.emplace();
  guest.set_gate(31, guest.text() + 0x666);
  Baseline now = take_baseline(*guest.snapshot()).value();
  now.boot = kept.boot;
  kept.boot = std::make_shared<const BootRecord>(record);
  ASSERT_TRUE(learn_start_up(kept, now));
  auto policies = shipped_policies().policies;
  std::erase_if(policies, [](const Policy& policy) { return policy.name != "idt"; });
  auto evaluator = Evaluator::create(policies).value();
  ASSERT_TRUE(evaluator->set_baseline(&kept));
  std::string messages;
  for (const auto& result : evaluator->evaluate(*guest.snapshot()))
    for (const auto& violation : result.violations) messages += violation.message + "\n";
  EXPECT_THAT(messages, HasSubstr("IDT gate 31 of vCPU 0 changed"));
}

}  // namespace
}  // namespace ringside::policies::testing
