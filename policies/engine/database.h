// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/snapshot.h"
#include "policies/engine/baseline.h"
#include "policies/tables/table.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::policies {

struct QueryColumn {
  std::string name;
  ColumnType type = ColumnType::text;  ///< from the table's definition; computed columns are integer or text
  bool live = false;                   ///< a column that changes all the time on a healthy guest
};

struct QueryResult {
  std::vector<QueryColumn> columns;
  std::vector<std::vector<Value>> rows;
  /// Tables that the query read and that could not be read wholly: "idt: vCPU 1: ...". Not empty: the answer
  /// is not the whole truth.
  std::vector<std::string> incomplete;
};

/// What a statement reads and gives, known without running it.
struct StatementInfo {
  std::vector<QueryColumn> columns;          ///< computed columns count as text
  std::vector<std::string> tables;           ///< tables over the snapshot that it reads, sorted
  std::vector<std::string> baseline_tables;  ///< tables of schema `baseline` that it reads, sorted
};

/// Bounds of one query.
struct QueryLimits {
  std::size_t max_rows = 1'000'000;
  std::chrono::milliseconds time{10'000};
  bool cut = false;  ///< more rows than max_rows: give the first ones and say so in `incomplete`, instead of
                     ///< an error
  const std::atomic<bool>* cancel = nullptr;  ///< set from elsewhere: give up
};

/// The tables over one snapshot, as SQL. Read-only: statements that write, attach or load are refused.
/// Rebinding to another snapshot keeps the connection and its prepared statements, so that a tick prepares
/// nothing. Not thread-safe.
class Database {
 public:
  static Result<std::unique_ptr<Database>> create();
  virtual ~Database() = default;

  virtual void bind(guest::Snapshot* snapshot) = 0;
  /// Makes the rows of `baseline` visible in schema `baseline` (nullptr: empty tables), and its code what the
  /// tables of snapshots that are bound from now on compare code with.
  virtual Result<void> bind_baseline(const Baseline* baseline) = 0;

  /// Errors: `invalid_argument` for bad SQL (message from SQLite), `deadline`, `cancelled`, `out_of_bounds`,
  /// or what a table that could not be read at all said.
  virtual Result<QueryResult> query(std::string_view sql, const QueryLimits& limits = {}) = 0;

  /// Names of all functions that a query can call, SQLite's own too, sorted.
  virtual std::vector<std::string> functions() = 0;

  /// Where a statement is wrong.
  struct SqlError {
    std::string message;
    int offset = -1;  ///< bytes into the SQL; -1: unknown
  };
  virtual tl::expected<StatementInfo, SqlError> describe(std::string_view sql) = 0;
  /// nullopt: it is right.
  std::optional<SqlError> check(std::string_view sql) {
    auto info = describe(sql);
    return info ? std::nullopt : std::optional(std::move(info.error()));
  }
};

}  // namespace ringside::policies
