// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/message.h"

#include <algorithm>

namespace ringside::policies {

std::string show(const Value& value, ColumnType type) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr) return "-";
  if (type == ColumnType::address) return hex_address(static_cast<std::uint64_t>(*number));
  if (type == ColumnType::boolean) return *number != 0 ? "yes" : "no";
  return std::to_string(*number);
}

std::vector<Placeholder> placeholders(std::string_view text, std::size_t& unclosed) {
  std::vector<Placeholder> all;
  unclosed = std::string_view::npos;
  for (std::size_t at = 0; (at = text.find("{{", at)) != std::string_view::npos;) {
    const std::size_t end = text.find("}}", at + 2);
    if (end == std::string_view::npos) {
      unclosed = at;
      break;
    }
    std::string_view name = text.substr(at + 2, end - at - 2);
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    all.push_back({at, end + 2, std::string(name)});
    at = end + 2;
  }
  return all;
}

std::string fill_message(std::string_view text, const std::vector<QueryColumn>& columns,
                         const std::vector<Value>& row) {
  std::string filled;
  std::size_t copied = 0, unclosed = 0;
  for (const auto& place : placeholders(text, unclosed)) {
    const auto column = std::find_if(columns.begin(), columns.end(),
                                     [&](const QueryColumn& c) { return c.name == place.name; });
    const auto index = static_cast<std::size_t>(column - columns.begin());
    if (index >= row.size()) continue;
    filled += text.substr(copied, place.start - copied);
    filled += show(row[index], column->type);
    copied = place.end;
  }
  filled += text.substr(copied);
  return filled;
}

}  // namespace ringside::policies
