// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/compile.h"

#include <algorithm>

namespace ringside::policies {

namespace {

/// What a policy wrote ends with a line feed, so that a comment in it ends there too.
std::string parenthesised(const std::string& sql) {
  return "(" + sql + "\n)";
}

/// The names, each quoted and between `before` and `after`, joined by `separator`.
std::string each(const std::vector<std::string>& names, const std::string& before, const std::string& after,
                 const std::string& separator) {
  std::string text;
  for (const auto& name : names)
    text += (text.empty() ? "" : separator) + before + "\"" + name + "\"" + after;
  return text;
}

}  // namespace

std::string compile_expect(const Table& table, const std::vector<std::string>& wanted,
                           const std::string& where, const std::string& expect) {
  std::vector<std::string> columns;
  for (const auto& column : table.columns)
    if (column.stability != Stability::live ||
        std::find(wanted.begin(), wanted.end(), column.name) != wanted.end())
      columns.emplace_back(column.name);
  const std::string selected = where.empty() ? "" : parenthesised(where) + " AND ";
  return "SELECT " + each(columns, "", "", ", ") + " FROM " + std::string(table.name) + " WHERE " + selected +
         parenthesised(expect) + " IS NOT TRUE";
}

std::string compile_unchanged(const Unchanged& unchanged) {
  const std::string columns =
      each(unchanged.key, "", "", ", ") + ", " + each(unchanged.columns, "", "", ", ");
  const std::string where = unchanged.where.empty() ? "" : " WHERE " + parenthesised(unchanged.where);
  std::string same, differs, old_columns, no_columns;
  for (const auto& name : unchanged.key)
    same += (same.empty() ? "" : " AND ") + ("now.\"" + name + "\" IS old.\"" + name + "\"");
  for (const auto& name : unchanged.columns) {
    differs += " OR now.\"" + name + "\" IS NOT old.\"" + name + "\"";
    old_columns += ", old.\"" + name + "\" AS \"old." + name + "\"";
    no_columns += ", NULL";
  }
  // `here` tells a row that is there from the NULLs of an outer join. Each table is read once.
  return "WITH now AS MATERIALIZED (SELECT 1 AS here, " + columns + " FROM main." + unchanged.table + where +
         "),\n" + "old AS MATERIALIZED (SELECT 1 AS here, " + columns + " FROM baseline." + unchanged.table +
         where + ")\n" + "SELECT CASE WHEN old.here IS NULL THEN 'new' ELSE 'changed' END AS change, " +
         each(unchanged.key, "now.", "", ", ") + ", " + each(unchanged.columns, "now.", "", ", ") +
         old_columns + "\nFROM now LEFT JOIN old ON " + same + " WHERE old.here IS NULL" + differs +
         "\nUNION ALL SELECT 'gone', " + each(unchanged.key, "old.", "", ", ") + no_columns + ", " +
         each(unchanged.columns, "old.", "", ", ") + "\nFROM old LEFT JOIN now ON " + same +
         " WHERE now.here IS NULL";
}

}  // namespace ringside::policies
