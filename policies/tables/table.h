// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "guest/snapshot.h"

namespace ringside::policies {

/// What a cell holds and how it is shown. Addresses and register values are 64-bit two's complement in SQL (SQLite
/// has no unsigned type; hexadecimal literals work) and hex strings in output.
enum class ColumnType { integer, address, boolean, text, bytes };
std::string_view to_string(ColumnType type);

/// A cell: NULL (not applicable or not known), a number, or text. `bytes` columns hold lower-case hex text.
using Value = std::variant<std::monostate, std::int64_t, std::string>;

struct Column {
  std::string_view name;
  ColumnType type;
  std::string_view doc;  ///< one line
};

/// Equality constraints of the running query on the columns that the table listed in `pushdown`.
using Constraints = std::map<std::string, Value, std::less<>>;

/// Where a table puts its rows.
class RowSink {
 public:
  virtual ~RowSink() = default;
  /// False: the query needs no more rows, or the bound on rows is reached; stop.
  virtual bool row(std::vector<Value> cells) = 0;
  /// A part of the table could not be read: the rows are right but not all. Makes the checks on it `unknown`.
  virtual void incomplete(Error why) = 0;
};

/// One table: the only definition of its name, columns and documentation; the SQL schema, `ringside tables` and the
/// reference page all come from it.
struct Table {
  std::string_view name;
  std::string_view doc;  ///< one line
  std::vector<Column> columns;
  std::vector<std::string_view> pushdown;  ///< columns whose equality constraints `fill` makes use of
  std::string_view example;                ///< one SQL query
  /// Emits the rows. An error means that nothing could be said at all.
  Result<void> (*fill)(guest::Snapshot& snapshot, const Constraints& constraints, RowSink& sink);
};

/// Every table, sorted by name.
const std::vector<Table>& tables();
const Table* find_table(std::string_view name);

}  // namespace ringside::policies
