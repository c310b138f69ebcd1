// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/over_reboot.h"

#include "policies/engine/portable_rows.h"
#include "policies/tables/timestamp.h"

#include <algorithm>

namespace ringside::policies {

namespace {

/// Whether the check compares `column` of the baseline's `table`. What a query compares is not known.
bool compares(const Check& check, const std::string& column) {
  if (!check.unchanged || column.empty()) return true;
  return std::find(check.unchanged->columns.begin(), check.unchanged->columns.end(), column) !=
         check.unchanged->columns.end();
}

/// Whether what the check compares in the row of that name is portable.
bool is_portable(const Table& table, const PortableTable& portable, const StoredTable& stored,
                 const std::string& key, const Check& check) {
  for (const auto& row : stored.rows) {
    if (portable_key(table, portable, stored.columns, row) != key) continue;
    const Value* decider = portable.decides.empty() ? nullptr : cell_of(stored, row, portable.decides);
    const auto* text = decider == nullptr ? nullptr : std::get_if<std::string>(decider);
    if (!portable.decides.empty()) {
      const auto by_row = text == nullptr ? portable.by_row.end() : portable.by_row.find(*text);
      return by_row != portable.by_row.end() &&
             std::any_of(by_row->second.begin(), by_row->second.end(),
                         [&](const auto& one) { return compares(check, std::string(one.first)); });
    }
    return std::any_of(portable.columns.begin(), portable.columns.end(),
                       [&](const auto& one) { return compares(check, std::string(one.first)); });
  }
  return false;
}

}  // namespace

RebootWords over_reboot(const Baseline* baseline, const Check& check, const std::vector<QueryColumn>& columns,
                        const std::vector<Value>& row) {
  if (baseline == nullptr || !baseline->boot || !check.needs_baseline()) return {};
  const BootRecord& boot = *baseline->boot;
  std::vector<std::string> names;
  for (const auto& column : columns) names.push_back(column.name);
  for (const auto& name : check.baseline_tables) {
    // What an `unchanged` check looks up beside its own table is not what it is about.
    if (check.unchanged && check.unchanged->table != name) continue;
    const Table* table = find_table(name);
    const PortableTable* portable = portable_table(name);
    const auto stored = baseline->tables.find(name);
    if (table == nullptr || portable == nullptr || stored == baseline->tables.end()) continue;
    const bool carried = boot.carried && boot.carried->tables.contains(name);
    const auto key = portable_key(*table, *portable, names, row);
    if (!key) continue;
    if (boot.still_starts_up() && portable->set_by_start_up &&
        is_portable(*table, *portable, stored->second, *key, check))
      return {true, name + " " + *key + " is not as it was " +
                        (carried ? "before the reboot" : "when the kernel had booted") +
                        ", but the guest's start-up may still set it"};
    if (!carried) continue;
    for (const auto& one : boot.carried->differences)
      if (one.table == name && one.key == *key && compares(check, one.column))
        return {false, " (changed over a reboot: so it was when the baseline was learned, " +
                           timestamp(boot.carried->from) + ")"};
  }
  return {};
}

}  // namespace ringside::policies
