// SPDX-License-Identifier: Apache-2.0
#include "agent/output/json.h"

#include "base/bytes.h"

#include <ostream>

namespace ringside::agent {

using policies::ColumnType;
using policies::Value;

Json json_address(std::uint64_t value) {
  return hex_address(value);
}

Json json_cell(const Value& value, ColumnType type) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (type == ColumnType::address) return json_address(static_cast<std::uint64_t>(*number));
    if (type == ColumnType::boolean) return *number != 0;
    return *number;
  }
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return nullptr;
}

Json json_row(const std::vector<policies::QueryColumn>& columns, const std::vector<Value>& row) {
  Json object = Json::object();
  for (std::size_t i = 0; i < columns.size() && i < row.size(); ++i)
    object[columns[i].name] = json_cell(row[i], columns[i].type);
  return object;
}

Json json_error(const Error& error) {
  Json object{{"code", to_string(error.code)}, {"message", error.message}};
  if (!error.hint.empty()) object["hint"] = error.hint;
  return object;
}

// Text that comes from a guest need not be UTF-8: what is not is replaced by U+FFFD instead of ending the
// program.
void write_document(std::ostream& out, const Json& document) {
  out << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

void write_line(std::ostream& out, const Json& document) {
  out << document.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
}

}  // namespace ringside::agent
