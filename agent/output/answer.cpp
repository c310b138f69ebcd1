// SPDX-License-Identifier: Apache-2.0
#include "agent/output/answer.h"

#include "agent/output/cells.h"
#include "agent/verbs/support.h"

#include <array>
#include <utility>

namespace ringside::agent {

namespace {

constexpr std::array kModes = {std::pair{"table", AnswerMode::table}, std::pair{"json", AnswerMode::json},
                               std::pair{"csv", AnswerMode::csv}};

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string csv_cell(const policies::Value& value, policies::ColumnType type) {
  if (std::holds_alternative<std::monostate>(value)) return {};
  if (type == policies::ColumnType::boolean)
    if (const auto* number = std::get_if<std::int64_t>(&value)) return *number != 0 ? "true" : "false";
  return csv_field(text_cell(value, type));
}

}  // namespace

std::string_view to_string(AnswerMode mode) {
  for (const auto& [name, one] : kModes)
    if (one == mode) return name;
  return "?";
}

std::optional<AnswerMode> parse_answer_mode(std::string_view name) {
  for (const auto& [known, one] : kModes)
    if (name == known) return one;
  return std::nullopt;
}

Json answer_json(const guest::GuestInfo& info, const policies::QueryResult& result) {
  Json columns = Json::array(), rows = Json::array();
  for (const auto& column : result.columns)
    columns.push_back({{"name", column.name}, {"type", to_string(column.type)}});
  for (const auto& row : result.rows) rows.push_back(json_row(result.columns, row));
  return {{"guest", guest_json(info)},
          {"columns", std::move(columns)},
          {"rows", std::move(rows)},
          {"incomplete", result.incomplete}};
}

std::string answer_csv(const policies::QueryResult& result) {
  std::string out;
  for (std::size_t i = 0; i < result.columns.size(); ++i)
    out += (i == 0 ? "" : ",") + csv_field(printable(result.columns[i].name));
  out += '\n';
  for (const auto& row : result.rows) {
    for (std::size_t i = 0; i < row.size() && i < result.columns.size(); ++i)
      out += (i == 0 ? "" : ",") + csv_cell(row[i], result.columns[i].type);
    out += '\n';
  }
  return out;
}

std::string render_answer(AnswerMode mode, const guest::GuestInfo& info, const policies::QueryResult& result,
                          const Style& style) {
  switch (mode) {
    case AnswerMode::json:
      return answer_json(info, result).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    case AnswerMode::csv:
      return answer_csv(result);
    case AnswerMode::table:
      break;
  }
  return text_table(result.columns, result.rows).render(style);
}

}  // namespace ringside::agent
