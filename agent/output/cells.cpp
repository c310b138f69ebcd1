// SPDX-License-Identifier: Apache-2.0
#include "agent/output/cells.h"

#include "base/bytes.h"

namespace ringside::agent {

using policies::ColumnType;

std::string text_cell(const policies::Value& value, ColumnType type) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (type == ColumnType::address) return hex_address(static_cast<std::uint64_t>(*number));
    if (type == ColumnType::boolean) return *number != 0 ? "yes" : "no";
    return std::to_string(*number);
  }
  if (const auto* text = std::get_if<std::string>(&value)) return printable(*text);
  return "-";
}

TextTable text_table(const std::vector<policies::QueryColumn>& columns,
                     const std::vector<std::vector<policies::Value>>& rows) {
  std::vector<TextTable::Column> headings;
  for (const auto& column : columns) {
    const bool number = column.type == ColumnType::integer || column.type == ColumnType::address;
    headings.push_back({printable(column.name), number ? TextTable::Align::right : TextTable::Align::left});
  }
  TextTable table(std::move(headings));
  for (const auto& row : rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < row.size() && i < columns.size(); ++i)
      cells.push_back(text_cell(row[i], columns[i].type));
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace ringside::agent
