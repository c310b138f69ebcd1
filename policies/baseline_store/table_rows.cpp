// SPDX-License-Identifier: Apache-2.0
#include "policies/baseline_store/table_rows.h"

#include "policies/baseline_store/cells.h"

#include <SQLiteCpp/Database.h>

#include <algorithm>

namespace ringside::policies {

namespace {

void insert_table(SQLite::Database& database, std::int64_t baseline, const std::string& name,
                  const StoredTable& table) {
  SQLite::Statement head(database, "INSERT INTO stored_table(baseline, name, row_count) VALUES(?, ?, ?)");
  with(head, baseline, name, std::ssize(table.rows)).exec();
  const std::int64_t id = database.getLastInsertRowid();
  SQLite::Statement column(database, "INSERT INTO stored_column VALUES(?, ?, ?)");
  std::int64_t position = 0;
  for (const auto& one : table.columns) with(column, id, position++, one).exec();
  SQLite::Statement reason(database, "INSERT INTO incomplete VALUES(?, ?, ?)");
  position = 0;
  for (const auto& one : table.incomplete) with(reason, id, position++, one).exec();
  SQLite::Statement cell(database, "INSERT INTO cell VALUES(?, ?, ?, ?)");
  std::int64_t number = 0;
  for (const auto& row : table.rows) {
    position = 0;
    for (const Value& value : row) with(cell, id, number, position++, value).exec();
    ++number;
  }
}

Result<StoredTable> load_table(SQLite::Database& database, std::int64_t id, std::int64_t rows) {
  StoredTable table;
  SQLite::Statement columns(database,
                            "SELECT name FROM stored_column WHERE stored_table = ? ORDER BY position");
  with(columns, id);
  while (columns.executeStep()) table.columns.push_back(text(columns, 0));
  SQLite::Statement reasons(database,
                            "SELECT reason FROM incomplete WHERE stored_table = ? ORDER BY position");
  with(reasons, id);
  while (reasons.executeStep()) table.incomplete.push_back(text(reasons, 0));
  // The count is a number in a file, not a size to trust: rows grow as they come.
  SQLite::Statement cells(database,
                          "SELECT row, value FROM cell WHERE stored_table = ? ORDER BY row, position");
  with(cells, id);
  std::int64_t last = -1;
  while (cells.executeStep()) {
    const std::int64_t row = integer(cells, 0);
    if (row != last) table.rows.emplace_back();
    last = row;
    table.rows.back().push_back(value(cells, 1));
  }
  if (std::ssize(table.rows) != rows)
    return fail(Errc::malformed, "baseline store: rows of a table are missing");
  if (std::any_of(table.rows.begin(), table.rows.end(),
                  [&](const auto& row) { return row.size() != table.columns.size(); }))
    return fail(Errc::malformed, "baseline store: a row is cut short");
  return table;
}

}  // namespace

void insert_tables(SQLite::Database& database, std::int64_t baseline,
                   const std::map<std::string, StoredTable>& tables) {
  for (const auto& [name, table] : tables) insert_table(database, baseline, name, table);
}

Result<std::map<std::string, StoredTable>> load_tables(SQLite::Database& database, std::int64_t baseline) {
  std::map<std::string, StoredTable> tables;
  SQLite::Statement stored(database, "SELECT id, name, row_count FROM stored_table WHERE baseline = ?");
  with(stored, baseline);
  while (stored.executeStep()) {
    RINGSIDE_TRY(auto table, load_table(database, integer(stored, 0), integer(stored, 2)));
    tables.emplace(text(stored, 1), std::move(table));
  }
  return tables;
}

}  // namespace ringside::policies
