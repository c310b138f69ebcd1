// SPDX-License-Identifier: Apache-2.0
#include "agent/tables_reference.h"

#include "agent/output/text_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ringside::agent {

namespace {

/// Text for a cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string_view in_baseline(const policies::Table& table, const policies::Column& column) {
  if (!table.in_baseline) return "";
  switch (column.stability) {
    case policies::Stability::stable:
      return "compared";
    case policies::Stability::kept:
      return "kept";
    case policies::Stability::live:
      return "no";
  }
  return "";
}

std::string render(const policies::Table& table) {
  std::string out = fmt::format("\n## {}\n\n{}\n\n", table.name, table.doc);
  out += table.in_baseline ? "| column | type | baseline | |\n| --- | --- | --- | --- |\n"
                           : "| column | type | |\n| --- | --- | --- |\n";
  for (const auto& column : table.columns) {
    const std::string baseline = table.in_baseline ? fmt::format(" {} |", in_baseline(table, column)) : "";
    out += fmt::format("| `{}` | {} |{} {} |\n", column.name, to_string(column.type), baseline,
                       cell(column.doc));
  }
  out += fmt::format("\nA row is identified by `{}`.", fmt::join(table.identity, "`, `"));
  if (!table.baseline_where.empty())
    out += fmt::format(" A baseline keeps the rows where `{}`.", table.baseline_where);
  return out + fmt::format("\n\n```sql\n{}\n```\n", table.example);
}

}  // namespace

std::string tables_markdown() {
  std::string out =
      "# Tables\n\n"
      "Guest state as SQL tables: what `ringside query` asks and policies check. This page is made by\n"
      "`ringside tables --markdown` from the definitions in `policies/tables`; a test compares the two.\n\n"
      "Addresses are 64-bit numbers in SQL, where they compare as signed (use `unsigned_less(a, b)` for an "
      "order), and\n"
      "hexadecimal in output. Booleans are 0 and 1 in SQL. Of the tables that a baseline keeps, the columns "
      "marked\n"
      "*compared* are compared by `baseline diff`; *kept* ones are stored, but a change of them means "
      "nothing by itself.\n";
  for (const auto& table : policies::tables()) out += render(table);
  return out;
}

std::string table_description(const policies::Table& table, const Style& style) {
  TextTable columns({{"COLUMN"}, {"TYPE"}, {"MEANING"}});
  for (const auto& column : table.columns)
    columns.add({std::string(column.name), std::string(to_string(column.type)), std::string(column.doc)});
  return fmt::format("{}: {}\n\n", style.bold(table.name), table.doc) + columns.render(style, 2);
}

Json to_json(const policies::Table& table) {
  Json columns = Json::array();
  for (const auto& column : table.columns)
    columns.push_back({{"name", column.name}, {"type", to_string(column.type)}, {"doc", column.doc}});
  return {{"name", table.name},
          {"doc", table.doc},
          {"in_baseline", table.in_baseline},
          {"columns", std::move(columns)},
          {"identity", table.identity},
          {"example", table.example}};
}

Json tables_json() {
  Json list = Json::array();
  for (const auto& table : policies::tables()) list.push_back(to_json(table));
  return list;
}

}  // namespace ringside::agent
