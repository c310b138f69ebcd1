// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/database.h"

#include "fake_guest.h"

#include <gmock/gmock.h>

namespace ringside::policies::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override { database->bind(snapshot.get()); }
  FakeGuest guest{2};
  std::unique_ptr<guest::Snapshot> snapshot = guest.snapshot();
  std::unique_ptr<Database> database = Database::create().value();
};

TEST_F(DatabaseTest, GivesColumnsTheTypesOfTheTable) {
  const auto result = database->query(
      "SELECT vector, handler, present, type, raw, vector + 1 AS next, 'a' AS word "
      "FROM (SELECT * FROM idt) WHERE vcpu = 0");
  ASSERT_TRUE(result) << result.error().message;
  std::vector<ColumnType> types;
  for (const auto& column : result->columns) types.push_back(column.type);
  EXPECT_THAT(types, ElementsAre(ColumnType::integer, ColumnType::address, ColumnType::boolean,
                                 ColumnType::text, ColumnType::bytes, ColumnType::integer, ColumnType::text));
}

TEST_F(DatabaseTest, FindsRowsByTheTextOfBytesAndByHexadecimalLiterals) {
  EXPECT_EQ(
      database->query("SELECT vector FROM idt WHERE vcpu = 0 AND raw = '3001100000ee0081ffffffff00000000'")
          ->rows.size(),
      1u);
  EXPECT_EQ(
      database->query("SELECT vector FROM idt WHERE vcpu = 0 AND handler = 0xffffffff81000130")->rows.size(),
      1u);
}

TEST_F(DatabaseTest, OrOverPushedDownColumnsGivesEachRowOnce) {
  // SQLite scans once for each term and joins the answers.
  const auto count = [&](const std::string& where) {
    return std::get<std::int64_t>(
        database->query("SELECT count(*) FROM registers WHERE " + where)->rows[0][0]);
  };
  EXPECT_EQ(count("family = 'control'"), 6);
  EXPECT_EQ(count("family = 'control' OR family = 'root'"), 8);
  EXPECT_EQ(count("family = 'control' OR name = 'cr0'"), 6);
  EXPECT_EQ(count("name = 'cr3' OR (family = 'table' AND name LIKE 'idtr.%')"), 6);
  EXPECT_EQ(count("vcpu = 0 OR vcpu = 1"), count("1"));
  EXPECT_EQ(database->query("SELECT * FROM idt WHERE vcpu = 0 OR vector = 1")->rows.size(), 257u);
}

TEST_F(DatabaseTest, RefusesEverythingThatIsNotReading) {
  for (const char* sql : {"INSERT INTO idt(vector) VALUES(1)",
                          "INSERT INTO baseline.idt(vector) VALUES(1)",
                          "DELETE FROM baseline.idt",
                          "UPDATE idt SET vector = 0",
                          "DROP TABLE idt",
                          "CREATE TABLE t(a)",
                          "CREATE TEMP TABLE t(a)",
                          "CREATE VIEW v AS SELECT 1",
                          "ATTACH '/etc/passwd' AS p",
                          "DETACH baseline",
                          "PRAGMA journal_mode",
                          "PRAGMA user_version = 1",
                          "SELECT * FROM pragma_database_list",
                          "SELECT load_extension('x.so')",
                          "SELECT writefile('/tmp/x', 'y')",
                          "SELECT readfile('/etc/passwd')",
                          "SELECT edit('x')",
                          "SELECT fts3_tokenizer('simple')",
                          "SELECT * FROM sqlite_dbpage",
                          "VACUUM",
                          "VACUUM INTO '/tmp/x'",
                          "BEGIN",
                          "SAVEPOINT s",

                          "ANALYZE",
                          "ALTER TABLE idt RENAME TO x",
                          "CREATE VIRTUAL TABLE x USING ringside(idt)",
                          "EXPLAIN INSERT INTO idt(vector) VALUES(1)"}) {
    const auto result = database->query(sql);
    ASSERT_FALSE(result) << sql;
    EXPECT_EQ(result.error().code, Errc::invalid_argument) << sql;
  }
  EXPECT_EQ(database->query("SELECT count(*) FROM baseline.idt")->rows[0][0], Value(std::int64_t{0}));
}

TEST_F(DatabaseTest, TakesOneStatementWithoutParameters) {
  EXPECT_FALSE(database->query(""));
  EXPECT_FALSE(database->query("-- nothing"));
  EXPECT_FALSE(database->query("SELECT 1; SELECT 2"));
  EXPECT_FALSE(database->query("SELECT ?"));
  EXPECT_FALSE(database->query(std::string_view("SELECT 1\0", 9)));
  EXPECT_TRUE(database->query("SELECT 1; -- the end"));
}

TEST_F(DatabaseTest, MisspeltQuotedColumnIsAnErrorNotAText) {
  const auto wrong = database->check("SELECT * FROM idt WHERE \"handlr\" = 1");
  ASSERT_TRUE(wrong);
  EXPECT_THAT(wrong->message, HasSubstr("no such column"));
}

TEST_F(DatabaseTest, SaysWhereTheSqlIsWrong) {
  EXPECT_EQ(database->check("SELECT vector, handlr FROM idt")->offset, 15);
  EXPECT_EQ(database->check("SELECT vector FROM idt WHERE dpl == = 3")->offset, 36);
  EXPECT_FALSE(database->check("SELECT vector FROM idt"));
}

TEST_F(DatabaseTest, SaysWhichTablesAStatementReads) {
  const auto info = database->describe(
      "SELECT a.vector FROM idt AS a LEFT JOIN baseline.idt AS b USING (vcpu, vector) "
      "WHERE vcpu IN (SELECT vcpu FROM vcpus)");
  ASSERT_TRUE(info);
  EXPECT_THAT(info->tables, ElementsAre("idt", "vcpus"));
  EXPECT_THAT(info->baseline_tables, ElementsAre("idt"));
  EXPECT_THAT(database->describe("SELECT count(*) FROM gdt")->tables, ElementsAre("gdt"));
}

TEST_F(DatabaseTest, EndlessQueryIsStoppedInTime) {
  const auto result = database->query(
      "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
      {.time = std::chrono::milliseconds(50)});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::deadline);
  EXPECT_TRUE(database->query("SELECT 1"));  // and the connection lives on
}

TEST_F(DatabaseTest, TooManyRowsAreAnErrorOrCut) {
  const char* sql = "SELECT vector FROM idt";
  const auto error = database->query(sql, {.max_rows = 10});
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code, Errc::out_of_bounds);
  const auto cut = database->query(sql, {.max_rows = 10, .cut = true});
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->rows.size(), 10u);
  EXPECT_THAT(cut->incomplete, ElementsAre(HasSubstr("more than 10 rows")));
}

TEST_F(DatabaseTest, HugeValuesAreRefused) {}

TEST_F(DatabaseTest, ReadsTheSnapshotThatIsBound) {
  FakeGuest other(1);
  const auto second = other.snapshot();
  EXPECT_EQ(database->query("SELECT count(*) FROM vcpus")->rows[0][0], Value(std::int64_t{2}));
  database->bind(second.get());
  EXPECT_EQ(database->query("SELECT count(*) FROM vcpus")->rows[0][0], Value(std::int64_t{1}));
  database->bind(nullptr);
  const auto none = database->query("SELECT count(*) FROM vcpus");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::unavailable);
}

TEST_F(DatabaseTest, BaselineRowsStandInTheirSchema) {
  const auto baseline = take_baseline(*snapshot);
  ASSERT_TRUE(baseline);
  ASSERT_TRUE(database->bind_baseline(&*baseline));
  EXPECT_THAT(database
                  ->query("SELECT vcpu, vector, handler FROM idt EXCEPT "
                          "SELECT vcpu, vector, handler FROM baseline.idt")
                  ->rows,
              IsEmpty());
  EXPECT_EQ(database->query("SELECT count(*) FROM baseline.idt")->rows[0][0], Value(std::int64_t{512}));
  ASSERT_TRUE(database->bind_baseline(nullptr));
  EXPECT_EQ(database->query("SELECT count(*) FROM baseline.idt")->rows[0][0], Value(std::int64_t{0}));
}

TEST_F(DatabaseTest, FunctionsForAddresses) {
  const auto row = database
                       ->query(
                           "SELECT hex_address(-1), hex_address(NULL), unsigned_less(1, -1), "
                           "is_kernel_address(0xffff800000000000, '4-level'), "
                           "is_kernel_address(0xbfffffff, 'pae'), is_kernel_address(1, 'none')")
                       ->rows[0];
  EXPECT_EQ(row, (std::vector<Value>{"0xffffffffffffffff", std::monostate{}, std::int64_t{1}, std::int64_t{1},
                                     std::int64_t{0}, std::monostate{}}));
}

}  // namespace
}  // namespace ringside::policies::testing
