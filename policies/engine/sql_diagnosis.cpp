// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/sql_diagnosis.h"

#include "policies/engine/spelling.h"

#include <algorithm>
#include <cctype>

namespace ringside::policies {

namespace {

std::vector<std::string> table_names() {
  std::vector<std::string> names;
  for (const auto& table : tables()) names.emplace_back(table.name);
  return names;
}

/// What follows `prefix` in a message of SQLite, up to white space and without the quotes and the qualifier.
std::optional<std::string> named_in(const std::string& message, std::string_view prefix) {
  const auto at = message.find(prefix);
  if (at == std::string::npos) return std::nullopt;
  std::string name = message.substr(at + prefix.size());
  name = name.substr(0, name.find_first_of(" \n"));
  std::erase(name, '"');
  if (const auto dot = name.rfind('.'); dot != std::string::npos) name = name.substr(dot + 1);
  return name;
}

/// Where `word` stands in `sql` as a word of its own, case ignored.
std::optional<std::size_t> find_word(const std::string& sql, const std::string& word) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  const auto part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  if (word.empty()) return std::nullopt;
  for (auto from = sql.begin();;) {
    const auto found = std::search(from, sql.end(), word.begin(), word.end(), same);
    if (found == sql.end()) return std::nullopt;
    const auto end = found + static_cast<std::ptrdiff_t>(word.size());
    if ((found == sql.begin() || !part(*(found - 1))) && (end == sql.end() || !part(*end)))
      return static_cast<std::size_t>(found - sql.begin());
    from = found + 1;
  }
}

std::string hint_for(const std::string& message, const std::string& sql, const std::string& table) {
  if (const auto name = named_in(message, "no such table: ")) return suggestion(*name, table_names());
  const auto name = named_in(message, "no such column: ");
  if (!name) return {};
  std::vector<std::string> columns;
  for (const auto& one : tables())
    if (one.name == table || find_word(sql, std::string(one.name)))
      for (const auto& column : one.columns) columns.emplace_back(column.name);
  if (columns.empty()) return {};
  return suggestion(*name, columns);
}

/// Reports `wrong`, whose offset counts from `prefix` bytes before the text of `sql`.
void report(Diagnosis& diagnosis, const Scalar& sql, const std::string& table,
            const Database::SqlError& wrong, std::size_t prefix) {
  std::size_t offset = 0;
  if (wrong.offset >= 0 && static_cast<std::size_t>(wrong.offset) >= prefix) {
    offset = static_cast<std::size_t>(wrong.offset) - prefix;
  } else if (wrong.offset < 0) {  // SQLite gives no place for a table that is not there
    for (const auto* what : {"no such table: ", "no such column: ", "no such function: "})
      if (const auto name = named_in(wrong.message, what)) offset = find_word(sql.text, *name).value_or(0);
  }
  diagnosis.error(sql, std::min(offset, sql.text.size()), "SQL: " + wrong.message,
                  hint_for(wrong.message, sql.text, table));
}

}  // namespace

std::optional<StatementInfo> check_statement(Diagnosis& diagnosis, Database& database, const Scalar& sql) {
  auto info = database.describe(sql.text);
  if (info) return std::move(*info);
  report(diagnosis, sql, {}, info.error(), 0);
  return std::nullopt;
}

bool check_expression(Diagnosis& diagnosis, Database& database, const std::string& table, const Scalar& sql) {
  const std::string open = "SELECT 1 FROM " + table + " WHERE ";
  if (const auto wrong = database.check(open + sql.text)) {
    report(diagnosis, sql, table, *wrong, open.size());
    return false;
  }
  if (database.check(open + "(" + sql.text + "\n)")) {
    diagnosis.error(sql, 0, "this must be one SQL expression",
                    "without ORDER BY, LIMIT, GROUP BY, UNION; use `query` for a whole statement");
    return false;
  }
  return true;
}

}  // namespace ringside::policies
