// SPDX-License-Identifier: Apache-2.0
// Values of ours in and out of SQLite statements. All throw SQLite::Exception.
#pragma once

#include "base/bytes.h"
#include "policies/tables/table.h"

#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::policies {

void bind_cell(SQLite::Statement& statement, int place, std::int64_t number);
void bind_cell(SQLite::Statement& statement, int place,
               std::optional<std::int64_t> number);  ///< nullopt: NULL
void bind_cell(SQLite::Statement& statement, int place, const std::string& text);
void bind_cell(SQLite::Statement& statement, int place, ByteView blob);
void bind_cell(SQLite::Statement& statement, int place, const Value& value);

/// Starts `statement` anew with its parameters in order.
template <class... Arguments>
SQLite::Statement& with(SQLite::Statement& statement, const Arguments&... arguments) {
  statement.reset();
  int place = 0;
  (bind_cell(statement, ++place, arguments), ...);
  return statement;
}

std::int64_t integer(SQLite::Statement& row, int column);
std::string text(SQLite::Statement& row, int column);
/// Lives until the next step.
ByteView blob(SQLite::Statement& row, int column);
/// NULL, INTEGER or TEXT; what is none of them comes as NULL.
Value value(SQLite::Statement& row, int column);

}  // namespace ringside::policies
