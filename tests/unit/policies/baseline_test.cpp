// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/baseline.h"

#include "fake_guest.h"

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
