// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/portable_rows.h"

#include "policies/engine/message.h"

#include <algorithm>
#include <set>

namespace ringside::policies {

namespace {

const Value* at(const std::vector<std::string>& columns, const std::vector<Value>& row,
                std::string_view column) {
  const auto found = std::find(columns.begin(), columns.end(), column);
  const auto place = static_cast<std::size_t>(found - columns.begin());
  return place < row.size() && place < columns.size() ? &row[place] : nullptr;
}

/// `value` at another boot; nullopt: not portable.
std::optional<Value> carried(const Value& value, Portability portability, const BootRecord& from,
                             const BootRecord& to, std::size_t& not_placed) {
  if (portability == Portability::boot) return std::nullopt;
  const auto* address = std::get_if<std::int64_t>(&value);
  // NULL and 0 are no addresses.
  if (portability == Portability::constant || address == nullptr || *address == 0) return value;
  const auto moved = rebased(static_cast<std::uint64_t>(*address), from, to);
  if (moved) return Value(static_cast<std::int64_t>(*moved));
  ++not_placed;
  return std::nullopt;
}

}  // namespace

const Value* cell_of(const StoredTable& stored, const std::vector<Value>& row, std::string_view column) {
  return at(stored.columns, row, column);
}

std::optional<std::string> portable_key(const Table& table, const PortableTable& portable,
                                        const std::vector<std::string>& columns, const PortableRow& row) {
  std::string key;
  // In the order of the table's columns.
  for (const auto& column : table.columns) {
    if (!portable.key.contains(column.name)) continue;
    const auto place =
        static_cast<std::size_t>(std::find(columns.begin(), columns.end(), column.name) - columns.begin());
    if (place >= columns.size() || place >= row.size() || !row[place]) return std::nullopt;
    key += (key.empty() ? "" : " ") + std::string(column.name) + "=" + show(*row[place], column.type);
  }
  return key;
}

std::optional<std::string> portable_key(const Table& table, const PortableTable& portable,
                                        const std::vector<std::string>& columns,
                                        const std::vector<Value>& row) {
  return portable_key(table, portable, columns, PortableRow(row.begin(), row.end()));
}

PortableRows::PortableRows(const Table& table, const PortableTable& portable, const StoredTable& stored,
                           const BootRecord& from, const BootRecord& to) {
  std::set<std::string> twice;
  for (const auto& row : stored.rows) {
    const Value* decider = portable.decides.empty() ? nullptr : at(stored.columns, row, portable.decides);
    const auto* text = decider == nullptr ? nullptr : std::get_if<std::string>(decider);
    PortableRow cells;
    for (std::size_t i = 0; i < row.size() && i < stored.columns.size(); ++i)
      cells.push_back(carried(row[i],
                              portable.of(stored.columns[i], text == nullptr ? std::string_view() : *text),
                              from, to, not_placed_));
    const auto key = portable_key(table, portable, stored.columns, cells);
    if (key && !rows_.emplace(*key, std::move(cells)).second) twice.insert(*key);
  }
  for (const auto& key : twice) rows_.erase(key);
}

const PortableRow* PortableRows::find(const std::string& key) const {
  const auto found = rows_.find(key);
  return found == rows_.end() ? nullptr : &found->second;
}

}  // namespace ringside::policies
