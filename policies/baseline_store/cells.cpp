// SPDX-License-Identifier: Apache-2.0
#include "policies/baseline_store/cells.h"

#include <SQLiteCpp/Column.h>

#include <type_traits>
#include <variant>

namespace ringside::policies {

void bind_cell(SQLite::Statement& statement, int place, std::int64_t number) {
  statement.bind(place, number);
}

void bind_cell(SQLite::Statement& statement, int place, std::optional<std::int64_t> number) {
  number ? statement.bind(place, *number) : statement.bind(place);
}

void bind_cell(SQLite::Statement& statement, int place, const std::string& text) {
  statement.bind(place, text);
}

void bind_cell(SQLite::Statement& statement, int place, ByteView blob) {
  statement.bind(place, static_cast<const void*>(blob.data()), static_cast<int>(blob.size()));
}

void bind_cell(SQLite::Statement& statement, int place, const Value& value) {
  std::visit(
      [&](const auto& held) {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>)
          statement.bind(place);
        else
          statement.bind(place, held);
      },
      value);
}

std::int64_t integer(SQLite::Statement& row, int column) {
  return row.getColumn(column).getInt64();
}

std::string text(SQLite::Statement& row, int column) {
  return row.getColumn(column).getString();
}

ByteView blob(SQLite::Statement& row, int column) {
  const SQLite::Column cell = row.getColumn(column);
  const auto* bytes = static_cast<const std::byte*>(cell.getBlob());
  return {bytes, bytes == nullptr ? 0 : static_cast<std::size_t>(cell.getBytes())};
}

Value value(SQLite::Statement& row, int column) {
  const SQLite::Column cell = row.getColumn(column);
  if (cell.isInteger()) return cell.getInt64();
  if (cell.isText()) return cell.getString();
  return std::monostate{};
}

}  // namespace ringside::policies
