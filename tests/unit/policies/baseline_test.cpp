// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/baseline.h"

#include "fake_guest.h"
#include "policies/engine/boot_record.h"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ringside::policies::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

/// A folder that is gone after the test.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ringside-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

TEST(Baseline, KeepsWhatStaysAndLeavesOutWhatMoves) {
  FakeGuest guest(2);
  const auto baseline = take_baseline(*guest.snapshot());
  ASSERT_TRUE(baseline);
  EXPECT_EQ(baseline->guest, "lab");
  EXPECT_EQ(baseline->description, "QEMU 7.2.22, tcg, 4-level, 2 vCPUs");
  EXPECT_THAT(baseline->tables, UnorderedElementsAre(Key("guest"), Key("vcpus"), Key("registers"),
                                                     Key("msrs"), Key("gdt"), Key("idt"), Key("tss")));
  const auto& idt = baseline->tables.at("idt");
  EXPECT_EQ(idt.rows.size(), 512u);
  EXPECT_THAT(idt.columns, ::testing::IsSupersetOf({"gpa", "raw", "handler"}));  // `restore` needs them
  EXPECT_THAT(idt.incomplete, IsEmpty());
  EXPECT_THAT(baseline->tables.at("vcpus").columns, ::testing::Not(::testing::Contains("rip")));
  for (const auto& row : baseline->tables.at("registers").rows) EXPECT_NE(row[1], Value("general"));
  for (const auto& row : baseline->tables.at("gdt").rows) EXPECT_NE(row[1], Value(std::int64_t{12}));  // TLS
}

TEST(Baseline, IsRefusedOfAGuestThatHasNotBooted) {
  FakeGuest guest;
  guest.unstart(0);
  const auto baseline = take_baseline(*guest.snapshot());
  ASSERT_FALSE(baseline);
  EXPECT_EQ(baseline.error().code, Errc::unavailable);
}

TEST(BaselineDiff, IsEmptyForAQuietGuestAndNamesEachChange) {
  FakeGuest guest(2);
  const auto baseline = take_baseline(*guest.snapshot()).value();
  guest.cpus[0].rip += 4;
  guest.cpus[0].gpr[x86::rcx] = 3;
  guest.cpus[0].cr3 = guest.new_root();
  guest.set_descriptor(0, 12, 0x00cff3000000ffff);  // TLS of another task
  EXPECT_THAT(*diff_baseline(baseline, *guest.snapshot()), IsEmpty());

  guest.set_gate(14, 0xffffffff81001000);
  guest.cpus[1].cr0 &= ~x86::cr0::kWp;
  const auto differences = diff_baseline(baseline, *guest.snapshot());
  ASSERT_TRUE(differences);
  std::vector<std::string> lines;
  for (const auto& d : *differences)
    lines.push_back(d.table + " " + d.key + " " + d.column + ": " + d.before + " -> " + d.now);
  EXPECT_THAT(lines, UnorderedElementsAre(
                         "idt vcpu=0 vector=14 handler: 0xffffffff810001e0 -> 0xffffffff81001000",
                         "idt vcpu=1 vector=14 handler: 0xffffffff810001e0 -> 0xffffffff81001000",
                         "vcpus vcpu=1 wp: yes -> no",
                         "registers vcpu=1 name=cr0 value: 0x0000000080050033 -> 0x0000000080040033"));
}

TEST(BaselineDiff, SaysWhatCouldNotBeReadInsteadOfGone) {
  FakeGuest guest;
  const auto baseline = take_baseline(*guest.snapshot()).value();
  guest.memory.fail_page(guest::Gpa{FakeGuest::kIdtGpa}, {Errc::gone, "QEMU has ended"});
  const auto differences = diff_baseline(baseline, *guest.snapshot());
  ASSERT_TRUE(differences);
  ASSERT_EQ(differences->size(), 1u);
  EXPECT_EQ(differences->at(0).table, "idt");
  EXPECT_THAT(differences->at(0).now, HasSubstr("not read: idt: vCPU 0"));
}

TEST(BaselineDiff, NamesRowsThatAreNewOrGone) {
  FakeGuest guest;
  const auto baseline = take_baseline(*guest.snapshot()).value();
  guest.cpus[0].idt.limit = 255 * 16 - 1;
  const auto differences = diff_baseline(baseline, *guest.snapshot()).value();
  const auto gone =
      std::find_if(differences.begin(), differences.end(), [](const auto& d) { return d.table == "idt"; });
  ASSERT_NE(gone, differences.end());
  EXPECT_EQ(gone->key, "vcpu=0 vector=255");
  EXPECT_EQ(gone->now, "gone");
}

TEST(BootedSince, SeesOneCommonSlide) {
  FakeGuest guest(2);
  const auto baseline = take_baseline(*guest.snapshot()).value();
  EXPECT_FALSE(*booted_since(baseline, *guest.snapshot()));
  guest.move_kernel(std::uint64_t{0} - 0x2200000);
  const auto reason = booted_since(baseline, *guest.snapshot());
  ASSERT_TRUE(reason && *reason);
  EXPECT_THAT(**reason, HasSubstr("-0x0000000002200000"));
}

TEST(BootedSince, IsNotFooledByPartOrOddMoves) {
  FakeGuest guest(1);
  const auto baseline = take_baseline(*guest.snapshot()).value();
  guest.move_kernel(0x1200000);
  guest.cpus[0].msrs->lstar += 0x200000;  // hooked after the boot, or no boot at all
  EXPECT_FALSE(*booted_since(baseline, *guest.snapshot()));
  FakeGuest odd(1);
  odd.move_kernel(0x1000);  // no kernel slides by a page
  EXPECT_FALSE(*booted_since(baseline, *odd.snapshot()));
}

TEST(BaselineStore, GivesBackWhatWasSaved) {
  const Folder folder;
  FakeGuest guest(2);
  guest.cpus[1].msrs.reset();
  const auto baseline = take_baseline(*guest.snapshot()).value();
  {
    auto store = BaselineStore::open(folder.file("state/baselines.db"));
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->save(baseline));
    ASSERT_TRUE((*store)->save(baseline));  // the last one counts
  }
  auto store = BaselineStore::open(folder.file("state/baselines.db")).value();
  const auto loaded = store->load("lab");
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->taken, baseline.taken);
  EXPECT_EQ((*loaded)->description, baseline.description);
  ASSERT_EQ((*loaded)->tables.size(), baseline.tables.size());
  for (const auto& [name, table] : baseline.tables) {
    const auto& other = (*loaded)->tables.at(name);
    EXPECT_EQ(other.columns, table.columns) << name;
    EXPECT_EQ(other.rows, table.rows) << name;
    EXPECT_EQ(other.incomplete, table.incomplete) << name;
  }
  const auto list = store->list().value();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].guest, "lab");
  EXPECT_GT(list[0].rows, 512u);
}

TEST(BaselineStore, RemovesAndTellsWhetherThereWasOne) {
  const Folder folder;
  auto store = BaselineStore::open(folder.file("b.db")).value();
  FakeGuest guest;
  ASSERT_TRUE(store->save(take_baseline(*guest.snapshot()).value()));
  EXPECT_TRUE(store->remove("lab").value());
  EXPECT_FALSE(store->remove("lab").value());
  EXPECT_FALSE(store->load("lab").value());
  EXPECT_THAT(store->list().value(), IsEmpty());
  // Nothing of it stays behind.
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file("b.db").c_str(), &raw), SQLITE_OK);
  sqlite3_stmt* count = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(raw, "SELECT count(*) FROM cell", -1, &count, nullptr), SQLITE_OK);
  EXPECT_EQ(sqlite3_step(count), SQLITE_ROW);
  EXPECT_EQ(sqlite3_column_int(count, 0), 0);
  sqlite3_finalize(count);
  sqlite3_close(raw);
}

Baseline of_build(const std::string& build, const std::string& boot = "boot") {
  FakeGuest guest;
  Baseline baseline = take_baseline(*guest.snapshot()).value();
  BootRecord record{"release " + build, build, boot, "machine", {}};
  record.regions = {{"module nfs text", "src", guest::Gva{0xffffffffc0000000}, 0x4000}};
  baseline.boot = std::make_shared<const BootRecord>(std::move(record));
  return baseline;
}

TEST(BaselineStore, KeepsTheLastBuildsOfAGuest) {
  const Folder folder;
  auto store = BaselineStore::open(folder.file("b.db")).value();
  for (const char* build : {"a", "b", "c", "a", "d", "e"}) ASSERT_TRUE(store->save(of_build(build)));
  std::vector<std::string> builds;
  const auto listed = store->list().value();
  for (const auto& one : listed) builds.push_back(one.build);
  EXPECT_THAT(builds, ElementsAre("e", "d", "a", "c"));
  EXPECT_EQ(store->load("lab").value()->build(), "e");
  EXPECT_EQ(store->load("lab", "a").value()->build(), "a");
  EXPECT_FALSE(store->load("lab", "b").value());
  EXPECT_TRUE(store->remove("lab").value());
  EXPECT_THAT(store->list().value(), IsEmpty());
}

TEST(BaselineStore, KeepsOfWhichBootABaselineIs) {
  const Folder folder;
  auto store = BaselineStore::open(folder.file("b.db")).value();
  Baseline baseline = of_build("a", "boot1");
  BootRecord record = *baseline.boot;
  record.carried = Carried{std::chrono::sys_seconds(std::chrono::seconds(77)),
                           {{"idt", "vcpu=0 vector=14", "handler"}, {"idt", "vcpu=0 vector=15", ""}},
                           {{"idt", ""}, {"msrs", "some"}},
                           {{"tss", "why"}}};
  record.start_up = StartUp{std::chrono::sys_seconds(std::chrono::seconds(99)), {"nfs", "xfs"}, {"idt"}};
  baseline.boot = std::make_shared<const BootRecord>(record);
  ASSERT_TRUE(store->save(baseline));
  const auto loaded = store->load("lab").value();
  ASSERT_TRUE(loaded && loaded->boot && loaded->boot->carried);
  EXPECT_EQ(loaded->boot->release, "release a");
  EXPECT_EQ(loaded->boot->boot, "boot1");
  EXPECT_EQ(loaded->boot->machine, "machine");
  EXPECT_EQ(loaded->boot->regions, record.regions);
  EXPECT_EQ(loaded->boot->carried->from, record.carried->from);
  EXPECT_EQ(loaded->boot->carried->differences, record.carried->differences);
  EXPECT_EQ(loaded->boot->carried->tables, record.carried->tables);
  EXPECT_EQ(loaded->boot->carried->anew, record.carried->anew);
  ASSERT_TRUE(loaded->boot->start_up);
  EXPECT_EQ(loaded->boot->start_up->learned, record.start_up->learned);
  EXPECT_EQ(loaded->boot->start_up->code, record.start_up->code);
  EXPECT_EQ(loaded->boot->start_up->tables, record.start_up->tables);
  EXPECT_EQ(store->list().value().at(0).carried_from, record.carried->from);
}

TEST(BaselineStore, KeepsThatTheGuestStillStartsUp) {
  const Folder folder;
  Baseline baseline = of_build("a");
  EXPECT_FALSE(baseline.boot->still_starts_up());
  BootRecord record = *baseline.boot;
  record.start_up.emplace();
  baseline.boot = std::make_shared<const BootRecord>(record);
  ASSERT_TRUE(BaselineStore::open(folder.file("b.db")).value()->save(baseline));
  EXPECT_TRUE(BaselineStore::open(folder.file("b.db")).value()->load("lab").value()->boot->still_starts_up());
}

TEST(BaselineStore, TakesOverWhatVersion3SaidOfStartUp) {
  const Folder folder;
  {
    auto store = BaselineStore::open(folder.file("b.db")).value();
    for (const char* build : {"learned", "waits", "settled"}) ASSERT_TRUE(store->save(of_build(build)));
  }
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file("b.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, R"(
DROP TABLE start_up; DROP TABLE start_up_added;
ALTER TABLE boot ADD COLUMN settled INTEGER;
UPDATE boot SET carried_from = 77, settled = b.build = 'settled' FROM baseline AS b
  WHERE b.id = boot.baseline AND b.build <> 'learned';
PRAGMA user_version = 3;)",
                         nullptr, nullptr, nullptr),
            SQLITE_OK)
      << sqlite3_errmsg(raw);
  sqlite3_close(raw);
  auto store = BaselineStore::open(folder.file("b.db"));
  ASSERT_TRUE(store) << store.error().message;
  for (const char* build : {"learned", "waits", "settled"}) {
    const auto loaded = (*store)->load("lab", build).value();
    ASSERT_TRUE(loaded && loaded->boot) << build;
    EXPECT_EQ(loaded->boot->still_starts_up(), build == std::string("waits")) << build;
    EXPECT_EQ(loaded->boot->carried.has_value(), build != std::string("learned")) << build;
  }
  ASSERT_TRUE((*store)->save(of_build("waits")));
  EXPECT_FALSE((*store)->load("lab").value()->boot->still_starts_up());
}

TEST(BaselineStore, TakesOverAFileOfAnEarlierVersionAndKnowsThatItSaysNothingOfTheBoot) {
  const Folder folder;
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file("b.db").c_str(), &raw), SQLITE_OK);
  // As version 2 wrote it.
  ASSERT_EQ(sqlite3_exec(raw, R"(
CREATE TABLE baseline(
  id INTEGER PRIMARY KEY, guest TEXT NOT NULL UNIQUE, taken INTEGER NOT NULL, description TEXT NOT NULL);
CREATE TABLE stored_table(
  id INTEGER PRIMARY KEY, baseline INTEGER NOT NULL REFERENCES baseline(id) ON DELETE CASCADE,
  name TEXT NOT NULL, row_count INTEGER NOT NULL, UNIQUE(baseline, name));
CREATE TABLE stored_column(
  stored_table INTEGER NOT NULL REFERENCES stored_table(id) ON DELETE CASCADE,
  position INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(stored_table, position)) WITHOUT ROWID;
CREATE TABLE incomplete(
  stored_table INTEGER NOT NULL REFERENCES stored_table(id) ON DELETE CASCADE,
  position INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(stored_table, position)) WITHOUT ROWID;
CREATE TABLE cell(
  stored_table INTEGER NOT NULL REFERENCES stored_table(id) ON DELETE CASCADE,
  row INTEGER NOT NULL, position INTEGER NOT NULL, value,
  PRIMARY KEY(stored_table, row, position)) WITHOUT ROWID;
CREATE TABLE text_region(
  baseline INTEGER NOT NULL REFERENCES baseline(id) ON DELETE CASCADE, position INTEGER NOT NULL,
  module TEXT NOT NULL, identity TEXT NOT NULL, first INTEGER NOT NULL, size INTEGER NOT NULL,
  digest BLOB NOT NULL, code BLOB NOT NULL, PRIMARY KEY(baseline, position));
CREATE TABLE text_incomplete(
  baseline INTEGER NOT NULL REFERENCES baseline(id) ON DELETE CASCADE,
  position INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(baseline, position)) WITHOUT ROWID;
INSERT INTO baseline VALUES(7, 'lab', 1000, 'QEMU');
INSERT INTO stored_table VALUES(3, 7, 'guest', 1);
INSERT INTO stored_column VALUES(3, 0, 'name');
INSERT INTO cell VALUES(3, 0, 0, 'lab');
PRAGMA user_version = 2; PRAGMA application_id = 0x52534442;)",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(raw);
  auto store = BaselineStore::open(folder.file("b.db"));
  ASSERT_TRUE(store) << store.error().message;
  const auto loaded = (*store)->load("lab");
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_TRUE(*loaded);
  EXPECT_EQ((*loaded)->boot, nullptr);
  EXPECT_EQ((*loaded)->build(), "");
  EXPECT_THAT((*loaded)->tables.at("guest").rows, ElementsAre(std::vector<Value>{Value("lab")}));
  // The first that is learned takes its place, and goes with all that it has.
  ASSERT_TRUE((*store)->save(of_build("a")));
  EXPECT_EQ((*store)->list().value().size(), 1u);
  ASSERT_TRUE((*store)->remove("lab"));
  store = BaselineStore::open(folder.file("b.db"));
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_THAT((*store)->list().value(), IsEmpty());
}

TEST(BaselineStore, IsReadableByItsOwnerOnly) {
  const Folder folder;
  const auto store = BaselineStore::open(folder.file("b.db")).value();
  struct stat status {};
  ASSERT_EQ(::stat(folder.file("b.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST(BaselineStore, RefusesWhatIsNoStore) {
  const Folder folder;
  std::ofstream(folder.file("text.db")) << std::string(8192, 'x');
  EXPECT_FALSE(BaselineStore::open(folder.file("text.db")));
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file("other.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "CREATE TABLE t(a)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  const auto other = BaselineStore::open(folder.file("other.db"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::malformed);
  EXPECT_FALSE(BaselineStore::open("/proc/nowhere/b.db"));
}

TEST(BaselineStore, RefusesTheFileOfANewerVersion) {
  const Folder folder;
  { const auto store = BaselineStore::open(folder.file("b.db")).value(); }
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file("b.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  const auto newer = BaselineStore::open(folder.file("b.db"));
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, Errc::unsupported);
}

}  // namespace
}  // namespace ringside::policies::testing
