// SPDX-License-Identifier: Apache-2.0
// Before any system header can: see there.
#include "fake_guest.h"
#include "guest/linux/kernel.h"
#include "guest/linux/linux_macro.h"
#include "policies/tables/table.h"

#include <gmock/gmock.h>

#include <set>

namespace ringside::policies::testing {
namespace {

using guest::RegisterGroups;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using x86::PagingMode;

/// True for a table that has no rows where no Linux kernel is found, as in the fake guest.
bool speaks_of_linux(const Table& table) {
  FakeGuest guest;
  const auto snapshot = guest.snapshot();
  const auto kernel = guest::linux::Kernel::of(*snapshot);
  struct Rows : RowSink {
    bool row(std::vector<Value>) override { return false; }
    void incomplete(Error) override {}
  } rows;
  const auto filled = table.fill(*snapshot, TableRequest{}, rows);
  return !filled && !kernel && filled.error().message == kernel.error().message;
}

TEST(Registry, WhereNoLinuxKernelIsFoundTheTablesOfLinuxSayWhy) {
  std::size_t tables_of_linux = 0;
  for (const auto& table : tables()) {
    if (!speaks_of_linux(table)) continue;
    ++tables_of_linux;
    auto database = Database::create().value();
    EXPECT_EQ(database->check(table.example), std::nullopt) << table.name << ": its example is bad SQL";
  }
  EXPECT_GE(tables_of_linux, 5u);
}

TEST(Registry, IsSortedAndEveryTableIsDocumentedAndItsExampleRuns) {
  FakeGuest guest(2);
  const auto snapshot = guest.snapshot();
  std::string last;
  for (const auto& table : tables()) {
    EXPECT_LT(last, table.name);
    last = table.name;
    EXPECT_FALSE(table.doc.empty()) << table.name;
    EXPECT_FALSE(table.example.empty()) << table.name;
    std::set<std::string_view> names;
    for (const auto& column : table.columns) {
      EXPECT_TRUE(names.insert(column.name).second) << table.name << "." << column.name << " stands twice";
      EXPECT_FALSE(column.doc.empty()) << table.name << "." << column.name;
    }
    for (const auto name : table.pushdown) EXPECT_TRUE(table.column(name)) << table.name << "." << name;
    for (const auto name : table.identity) EXPECT_TRUE(table.column(name)) << table.name << "." << name;
    if (speaks_of_linux(table)) continue;
    EXPECT_FALSE(ask(*snapshot, "SELECT * FROM " + std::string(table.name)).rows.empty()) << table.name;
    ask(*snapshot, table.example);
  }
}

TEST(Registry, EveryRowHasAsManyCellsAsTheTableHasColumns) {
  struct Count : RowSink {
    std::set<std::size_t> widths;
    bool row(std::vector<Value> cells) override { return widths.insert(cells.size()), true; }
    void incomplete(Error) override {}
  };
  FakeGuest guest(2);
  const auto snapshot = guest.snapshot();
  for (const auto& table : tables()) {
    if (speaks_of_linux(table)) continue;
    Count count;
    ASSERT_TRUE(table.fill(*snapshot, TableRequest{}, count)) << table.name;
    EXPECT_THAT(count.widths, ElementsAre(table.columns.size())) << table.name;
  }
}

TEST(GuestTable, SaysWhatQemuSays) {
  FakeGuest guest(3, PagingMode::pae);
  const auto rows =
      ask(*guest.snapshot(), "SELECT name, uuid, paging, vcpus, ram_bytes, taken FROM guest").rows;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0], (std::vector<Value>{"lab", std::monostate{}, "pae", std::int64_t{3},
                                         std::int64_t{64 << 20}, "2024-05-06T00:00:01.500Z"}));
}

TEST(IdtTable, DecodesEveryGate) {
  FakeGuest guest(2);
  const auto snapshot = guest.snapshot();
  EXPECT_EQ(ask_number(*snapshot, "SELECT count(*) FROM idt"), 512);
  const auto rows = ask(*snapshot,
                        "SELECT present, type, dpl, selector, handler, kernel, gva, gpa, raw FROM idt "
                        "WHERE vcpu = 1 AND vector = 3")
                        .rows;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0][1], Value("interrupt-gate"));
  EXPECT_EQ(rows[0][2], Value(std::int64_t{3}));
  EXPECT_EQ(rows[0][4], Value(static_cast<std::int64_t>(0xffffffff81000130)));
  EXPECT_EQ(rows[0][5], Value(std::int64_t{1}));
  EXPECT_EQ(rows[0][6], Value(static_cast<std::int64_t>(0xfffffe0000000030)));
  EXPECT_EQ(rows[0][7], Value(std::int64_t{FakeGuest::kIdtGpa + 0x30}));
  EXPECT_EQ(rows[0][8], Value("3001100000ee0081ffffffff00000000"));
}

TEST(IdtTable, TaskGateHasNoHandler) {
  FakeGuest guest(1, PagingMode::pae);
  guest.set_gate(8, 0, 0, 5);
  const auto rows = ask(*guest.snapshot(), "SELECT type, handler, kernel FROM idt WHERE vector = 8").rows;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0], (std::vector<Value>{"task-gate", std::monostate{}, std::monostate{}}));
}

TEST(IdtTable, UnreadablePageMakesItIncompleteAndNamesTheVcpu) {
  FakeGuest guest;
  guest.memory.fail_page(guest::Gpa{FakeGuest::kIdtGpa}, {Errc::gone, "QEMU has ended"});
  const auto result = ask(*guest.snapshot(), "SELECT handler FROM idt");
  EXPECT_THAT(result.rows, IsEmpty());
  EXPECT_THAT(result.incomplete, ElementsAre(HasSubstr("idt: vCPU 0: ")));
}

TEST(IdtTable, HaltedVcpuInRealModeIsLeftOut) {
  FakeGuest guest(2);
  guest.unstart(1);
  const auto result = ask(*guest.snapshot(), "SELECT DISTINCT vcpu FROM idt");
  EXPECT_EQ(result.rows, (std::vector<std::vector<Value>>{{std::int64_t{0}}}));
  EXPECT_THAT(result.incomplete, IsEmpty());
}

TEST(IdtTable, VcpuThatRunsInRealModeMakesItIncomplete) {
  FakeGuest guest(2);
  guest.unstart(1);
  guest.cpus[1].halted = false;
  EXPECT_THAT(ask(*guest.snapshot(), "SELECT handler FROM idt").incomplete,
              ElementsAre("idt: vCPU 1 runs in real mode"));
}

TEST(IdtTable, GuestThatHasNotBootedIsIncompleteNotEmpty) {
  FakeGuest guest(2);
  guest.unstart(0);
  guest.unstart(1);
  EXPECT_THAT(ask(*guest.snapshot(), "SELECT handler FROM idt").incomplete,
              ElementsAre(HasSubstr("no vCPU has left real mode")));
}

TEST(GdtTable, DecodesSegmentsAndHidesTheBusyBitFromTheType) {
  FakeGuest guest;
  const auto rows = ask(*guest.snapshot(),
                        "SELECT entry, type, dpl, long_code, busy FROM gdt "
                        "WHERE present AND entry IN (2, 6, 8) ORDER BY entry")
                        .rows;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0],
            (std::vector<Value>{std::int64_t{2}, "code", std::int64_t{0}, std::int64_t{1}, std::int64_t{0}}));
  EXPECT_EQ(rows[1],
            (std::vector<Value>{std::int64_t{6}, "code", std::int64_t{3}, std::int64_t{1}, std::int64_t{0}}));
  EXPECT_EQ(rows[2],
            (std::vector<Value>{std::int64_t{8}, "tss", std::int64_t{0}, std::int64_t{0}, std::int64_t{1}}));
}

TEST(TssTable, GivesTheStacks) {
  FakeGuest guest;
  const auto rows = ask(*guest.snapshot(), "SELECT rsp0 - gva, ist1 - gva, ist2, ss0 FROM tss").rows;
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0],
            (std::vector<Value>{std::int64_t{0}, std::int64_t{0x9000}, std::int64_t{0}, std::monostate{}}));
}

TEST(MsrsTable, UnknownMsrsMakeItIncompleteWithTheReason) {
  FakeGuest guest(2);
  guest.cpus[1].msrs.reset();
  guest.cpus[1].msrs_unknown = "this QEMU has no xen-save-devices-state";
  const auto result = ask(*guest.snapshot(), "SELECT value FROM msrs WHERE name = 'LSTAR'");
  EXPECT_EQ(result.rows.size(), 1u);
  EXPECT_THAT(result.incomplete, ElementsAre("msrs: vCPU 1: this QEMU has no xen-save-devices-state"));
}

TEST(PageMappingsTable, WalksBothHalvesAndSharedKernelHalfOnce) {
  FakeGuest guest(2);
  guest.cpus[1].cr3 = guest.new_root();
  guest.map(guest.cpus[1].cr3, 0x700000, 0x602000, FakeGuest::kUser);
  const auto snapshot = guest.snapshot();
  EXPECT_EQ(ask_number(*snapshot, "SELECT count(DISTINCT vcpu) FROM page_mappings WHERE half = 'kernel'"), 1);
  EXPECT_EQ(ask_number(*snapshot, "SELECT gva FROM page_mappings WHERE half = 'user' AND vcpu = 1"),
            0x700000);
  EXPECT_EQ(ask_number(*snapshot, "SELECT sum(size) FROM page_mappings WHERE half = 'kernel' AND executable"),
            16 * 4096);
  EXPECT_EQ(ask_number(*snapshot, "SELECT count(*) FROM page_mappings WHERE half = 'user' AND NOT user"), 0);
}

/// With page-table isolation a vCPU in user mode is on a root that maps only the entry code of the kernel.
TEST(PageMappingsTable, LookBesideAUserRootOfPageTableIsolationForTheKernelsOwn) {
  FakeGuest guest;
  const std::uint64_t pair = 0x800000;  // two pages, the kernel's first
  std::array<std::byte, guest::kPageSize> root;
  ASSERT_TRUE(guest.memory.read(guest::Gpa{guest.root()}, root));
  guest.memory.write(guest::Gpa{pair}, root);
  guest.map(pair, 0xffff888000000000, 0x700000, FakeGuest::kWritable);  // what a rootkit wants hidden
  std::fill(root.begin(), root.begin() + 2048, std::byte{0});
  guest.memory.write(guest::Gpa{pair + 0x1000}, root);
  guest.cpus[0].cr3 = pair + 0x1000;
  guest.cpus[0].cpl = 3;
  const auto snapshot = guest.snapshot();
  EXPECT_EQ(ask_number(*snapshot,
                       "SELECT gva FROM page_mappings WHERE half = 'kernel' AND writable AND executable"),
            static_cast<std::int64_t>(0xffff888000000000));
}

/// Bit 12 of CR3 is a plain address bit without isolation; the page below is then no business of this root.
TEST(PageMappingsTable, TakeNoStrangersPageForTheKernelsRoot) {
  FakeGuest guest;
  std::array<std::byte, guest::kPageSize> root;
  ASSERT_TRUE(guest.memory.read(guest::Gpa{guest.root()}, root));
  const std::uint64_t at = 0x801000;
  guest.memory.write(guest::Gpa{at}, root);
  guest.map(at - 0x1000, 0xffff888000000000, 0x700000, FakeGuest::kWritable);  // maps less: no kernel root
  guest.cpus[0].cr3 = at;
  EXPECT_EQ(
      ask_number(*guest.snapshot(),
                 "SELECT count(*) FROM page_mappings WHERE half = 'kernel' AND writable AND executable"),
      0);
}

TEST(PageMappingsTable, ReportsAKernelHalfThatDiffersInOneRootOnly) {
  FakeGuest guest(2);
  guest.cpus[1].cr3 = guest.new_root();
  guest.map(guest.cpus[1].cr3, 0xffff900000000000, 0x602000, FakeGuest::kWritable);
  EXPECT_EQ(ask_number(*guest.snapshot(),
                       "SELECT count(*) FROM page_mappings WHERE half = 'kernel' AND vcpu = 1 "
                       "AND writable AND executable"),
            1);
}

TEST(PageMappingsTable, KernelQueryNeverReadsUserPageTables) {
  for (const auto mode : {PagingMode::four_level, PagingMode::pae, PagingMode::two_level}) {
    FakeGuest guest(1, mode);
    const std::uint64_t lone = guest.new_root();
    guest.map(lone, 0x400000, 0x600000, FakeGuest::kUser);  // page tables that nothing of the kernel shares
    guest.cpus[0].cr3 = lone;
    const auto all = guest.snapshot(), kernel = guest.snapshot();
    ask(*all, "SELECT * FROM page_mappings");
    ask(*kernel, "SELECT * FROM page_mappings WHERE half = 'kernel'");
    EXPECT_LT(kernel->pages().size(), all->pages().size()) << x86::to_string(mode);
  }
}

TEST(PageMappingsTable, TableOutsideRamMakesItIncomplete) {
  FakeGuest guest;
  guest.memory.put(guest::Gpa{guest.root() + 300 * 8}, std::uint64_t{0x7fffff000} | 3);
  EXPECT_THAT(ask(*guest.snapshot(), "SELECT * FROM page_mappings WHERE half = 'kernel'").incomplete,
              Contains(HasSubstr("page_mappings: vCPU 0, kernel half: 1 page tables could not be read")));
}

/// The registers that the answer to `sql` depends on.
RegisterGroups groups_of(FakeGuest& guest, std::string_view sql) {
  guest::ReadSet reads;
  const auto snapshot = guest.snapshot();
  snapshot->record_into(&reads);
  ask(*snapshot, sql);
  return reads.groups();
}

TEST(ReadSets, TablesDependOnWhatTheyUseOnly) {
  FakeGuest guest(2);
  const auto control = RegisterGroups::control;
  EXPECT_EQ(groups_of(guest, "SELECT handler FROM idt"), control | RegisterGroups::tables);
  EXPECT_EQ(groups_of(guest, "SELECT base FROM gdt"), control | RegisterGroups::tables);
  EXPECT_EQ(groups_of(guest, "SELECT gva, gpa FROM page_mappings WHERE half = 'kernel'"), control);
  EXPECT_EQ(groups_of(guest, "SELECT gva, gpa FROM page_mappings"), control | RegisterGroups::root);
  EXPECT_EQ(groups_of(guest, "SELECT vcpu, wp, smep FROM vcpus"), control);
  EXPECT_EQ(groups_of(guest, "SELECT rip FROM vcpus"), control | RegisterGroups::general);
  EXPECT_EQ(groups_of(guest, "SELECT value FROM msrs WHERE name = 'LSTAR'"), RegisterGroups::msrs);
  EXPECT_EQ(groups_of(guest, "SELECT value FROM msrs WHERE name IN ('LSTAR', 'STAR')"), RegisterGroups::msrs);
  EXPECT_EQ(groups_of(guest, "SELECT value FROM msrs"), RegisterGroups::msrs | RegisterGroups::swapped);
  EXPECT_EQ(groups_of(guest, "SELECT value FROM registers WHERE name = 'idtr.base'"), RegisterGroups::tables);
  EXPECT_EQ(groups_of(guest, "SELECT value FROM registers WHERE family = 'control'"), control);
}

}  // namespace
}  // namespace ringside::policies::testing
