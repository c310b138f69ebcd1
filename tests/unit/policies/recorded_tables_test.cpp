// SPDX-License-Identifier: Apache-2.0
// Every table on recorded guests: all of it can be read, or the table says what cannot.
#include "policies/engine/database.h"
#include "policies/tables/table.h"
#include "tests/support/recorded_guests.h"

#include <gtest/gtest.h>

#include <set>

namespace ringside::policies {
namespace {

class RecordedTables : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    snapshot_ = testing::recorded_snapshot(GetParam());
    auto database = Database::create();
    ASSERT_TRUE(database.has_value());
    database_ = std::move(*database);
    database_->bind(snapshot_.get());
  }
  bool is_32_bit() const { return GetParam().find("686") != std::string::npos; }
  QueryResult ask(const std::string& sql) {
    auto result = database_->query(sql);
    EXPECT_TRUE(result.has_value()) << sql << ": " << result.error().message;
    return result ? std::move(*result) : QueryResult{};
  }
  std::int64_t number(const std::string& sql) {
    const auto result = ask(sql);
    if (result.rows.empty()) return -1;
    const auto* value = std::get_if<std::int64_t>(&result.rows[0][0]);
    return value == nullptr ? -1 : *value;
  }

  std::unique_ptr<guest::Snapshot> snapshot_;
  std::unique_ptr<Database> database_;
};

/// Tables that have no rows on a healthy guest, or on one where nothing traces, waits or loads programs.
bool may_be_empty(std::string_view table) {
  static const std::set<std::string_view> names = {
      "bpf_links",   "bpf_maps",          "fprobes", "ftrace_direct_calls", "ftrace_filters", "kprobes",
      "livepatches", "page_table_faults", "uprobes", "work_items"};
  return names.contains(table);
}

/// Tables that are younger than the recordings, or (file_operations: page caches) read more, of which these
/// lack pages.
bool is_younger(std::string_view table) {
  return table == "vdso_images" || table == "process_vdso" || table == "operation_functions" ||
         table == "file_operations";
}

TEST_P(RecordedTables, AreReadToTheirLastColumnOrSayWhatIsMissing) {
  for (const auto& table : tables()) {
    if (table.bulk) continue;  // snapshots hold these only when asked to
    std::string columns = "count(*)";
    for (const auto& column : table.columns) columns += ", count(\"" + std::string(column.name) + "\")";
    const auto result = database_->query("SELECT " + columns + " FROM " + std::string(table.name));
    if (table.name == "interrupt_stacks" && is_32_bit()) continue;  // the IST is one of 64-bit mode
    if (is_32_bit()) {
      // These kernels have no type information: a table may be unknown, but never silently empty.
      const bool silent =
          result && std::get<std::int64_t>(result->rows.at(0).at(0)) == 0 && result->incomplete.empty();
      EXPECT_FALSE(silent && !may_be_empty(table.name)) << table.name;
      continue;
    }
    ASSERT_TRUE(result.has_value()) << table.name << ": " << result.error().message;
    const bool empty = std::get<std::int64_t>(result->rows.at(0).at(0)) == 0;
    EXPECT_FALSE(empty && !may_be_empty(table.name)) << table.name;
    for (const auto& why : result->incomplete)
      EXPECT_TRUE(is_younger(table.name) && why.find("not in the snapshot file") != std::string::npos) << why;
  }
}

/// Rows with all of their cells, as a sink gets them that does not name addresses itself.
struct WholeRows final : RowSink {
  std::vector<std::vector<Value>> rows;
  bool row(std::vector<Value> cells) override {
    rows.push_back(std::move(cells));
    return true;
  }
  void incomplete(Error) override {}
};

TEST_P(RecordedTables, NamesAreTheSameWhetherLookedUpAtOnceOrLate) {
  std::size_t named = 0;
  for (const auto& table : tables()) {
    if (table.bulk || !table.column("symbol") || !table.column("module") || !table.column("region")) continue;
    WholeRows whole;
    if (!table.fill(*snapshot_, TableRequest{}, whole)) continue;
    // Each name is looked at twice.
    const auto result = ask("SELECT * FROM " + std::string(table.name) + " WHERE symbol IS symbol || ''");
    EXPECT_TRUE(result.rows == whole.rows) << table.name;
    for (const auto& row : whole.rows)
      named += std::holds_alternative<std::string>(row[*table.column("symbol")]) ? 1 : 0;
  }
  EXPECT_GT(named, is_32_bit() ? 100u : 1000u);
}

TEST_P(RecordedTables, AddressesAndNamesAgreeBothWays) {
  EXPECT_EQ(number("SELECT symbol(addr('schedule')) = 'schedule'"), 1);
  EXPECT_EQ(number("SELECT symbol(addr('schedule') + 1) = 'schedule+0x1'"), 1);
  EXPECT_EQ(number("SELECT in_text(addr('schedule'))"), 1);
  EXPECT_EQ(number("SELECT in_text(0)"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM symbols WHERE name = 'schedule' AND address = addr('schedule')"), 1);
}

TEST_P(RecordedTables, AMutexIsHeldOrNot) {
  EXPECT_EQ(number("SELECT mutex_owner('no_such_mutex') IS NULL"), 1);
  // Recorded while nothing was traced or loaded. Without types or symbols of data it may be unknown.
  EXPECT_EQ(number("SELECT coalesce(mutex_owner('tracepoints_mutex'), 0)"), 0);
}

TEST_P(RecordedTables, EveryGateOfABootedKernelHasAnOwner) {
  EXPECT_GT(number("SELECT count(*) FROM idt WHERE symbol = 'asm_exc_page_fault' AND vector = 14"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM idt WHERE present AND handler IS NOT NULL AND region = 'none'"), 0);
}

INSTANTIATE_TEST_SUITE_P(Guests, RecordedTables, ::testing::ValuesIn(testing::recorded_guests()),
                         [](const auto& guest) { return testing::test_name(guest.param); });

}  // namespace
}  // namespace ringside::policies
