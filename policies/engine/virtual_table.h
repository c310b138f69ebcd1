// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/snapshot.h"
#include "policies/tables/table.h"

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ringside::policies {

/// What all virtual tables of one connection share while a query runs.
struct TableContext {
  guest::Snapshot* snapshot = nullptr;
  std::chrono::steady_clock::time_point deadline{};
  const std::atomic<bool>* cancel = nullptr;  ///< of the running query
  std::vector<std::string> incomplete;        ///< filled by the running query, without doubles
  std::set<std::string> planned;  ///< tables of the statements that were prepared, added by the planner
  std::optional<Error> failure;   ///< why a table could not be read at all, or a bound was hit

  bool cancelled() const { return cancel != nullptr && cancel->load(); }
  bool late() const { return cancelled() || std::chrono::steady_clock::now() >= deadline; }
  void add_incomplete(std::string why);
};

/// Registers module `ringside`, whose tables are `CREATE VIRTUAL TABLE name USING ringside(name)` for each
/// name of the registry. `context` must outlive the connection.
Result<void> register_tables(sqlite3* db, TableContext& context);

/// The declared SQL type of a column, and back. SQLite derives the affinity from it.
std::string declared_type(const Column& column);
ColumnType column_type(const char* declared, int sqlite_type_of_first_value);
/// Whether a column of that declared type is one that changes all the time.
bool is_live(const char* declared);

/// "CREATE TABLE name(column type, ...)" for a table of the registry.
std::string create_statement(const Table& table, std::string_view name);

}  // namespace ringside::policies
