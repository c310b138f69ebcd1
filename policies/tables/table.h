// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/snapshot.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ringside::policies {

/// What a cell holds and how it is shown. Addresses and register values are 64-bit two's complement in SQL
/// (SQLite has no unsigned type; hexadecimal literals work) and hex strings in output.
enum class ColumnType { integer, address, boolean, text, bytes };
std::string_view to_string(ColumnType type);

/// A cell: NULL (not applicable or not known), a number, or text. `bytes` columns hold lower-case hex text.
using Value = std::variant<std::monostate, std::int64_t, std::string>;

/// What a baseline does with a column.
enum class Stability {
  stable,  ///< kept, and compared by `baseline diff`
  kept,    ///< kept, but a change means nothing by itself (an accessed bit, a place in memory)
  live,    ///< changes all the time on a healthy guest: not kept
};

struct Column {
  std::string_view name;
  ColumnType type;
  std::string_view doc;  ///< one line
  Stability stability = Stability::stable;
};

/// Equality constraints of the running query on the columns that the table listed in `pushdown`.
using Constraints = std::map<std::string, Value, std::less<>>;

/// What the running query wants of a table. A table may ignore all of it: SQLite filters again.
struct TableRequest {
  Constraints equal;
  std::uint64_t columns = ~std::uint64_t{0};  ///< bit n: the query looks at column n

  bool uses(std::size_t column) const { return column >= 64 || ((columns >> column) & 1) != 0; }
  /// False if a constraint on `column` rules `value` out.
  bool wants(std::string_view column, std::int64_t value) const;
  bool wants(std::string_view column, std::string_view value) const;
};

/// Where a table puts its rows.
class RowSink {
 public:
  virtual ~RowSink() = default;
  /// False: the query needs no more rows, or a bound on rows or time is reached; stop.
  virtual bool row(std::vector<Value> cells) = 0;
  /// A part of the table could not be read: the rows are right but not all. Makes the checks on it `unknown`.
  virtual void incomplete(Error why) = 0;
  /// True if the sink itself fills the columns from `first` on that name an address (AddressNames), and only
  /// for the rows of which the query looks at them: names are costly, and most rows are dropped for what else
  /// they hold. Each row then holds the address, or NULL, in column `first`.
  virtual bool names_late(std::size_t /*first*/) { return false; }
};

/// One table: the only definition of its name, columns and documentation; the SQL schema, `ringside tables`
/// and the reference page all come from it.
struct Table {
  std::string_view name;
  std::string_view doc;  ///< one line
  std::vector<Column> columns;
  std::vector<std::string_view> pushdown;  ///< columns whose equality constraints `fill` makes use of
  std::vector<std::string_view> identity;  ///< columns that tell one row from another
  std::string_view example;                ///< one SQL query
  bool in_baseline = false;                ///< a baseline keeps it
  std::string_view baseline_where;         ///< SQL: which rows a baseline keeps; empty: all
  /// It reads megabytes: a saved snapshot holds them only when asked to.
  bool bulk = false;
  /// Emits the rows. An error means that nothing could be said at all.
  Result<void> (*fill)(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) = nullptr;

  std::optional<std::size_t> column(std::string_view column_name) const;
};

/// Every table, sorted by name.
const std::vector<Table>& tables();
const Table* find_table(std::string_view name);

}  // namespace ringside::policies
