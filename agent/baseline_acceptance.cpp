// SPDX-License-Identifier: Apache-2.0
#include "agent/baseline_acceptance.h"

// Before any system header can: see there.
#include "guest/linux/kernel.h"
#include "guest/linux/linux_macro.h"
#include "guest/linux/text/kept_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ringside::agent {

namespace {

using guest::linux::KeptRegion;
using guest::linux::KeptText;
using policies::StoredTable;

/// How checks over code call the baseline (guest/linux/text/kept_text.cpp).
constexpr const char* kFirstSeen = "first-seen";

/// Whether the stored row is the one that `row` names by the columns `key`.
bool is_named(const policies::Table& table, const StoredTable& stored,
              const std::vector<policies::Value>& cells, const std::vector<std::string>& key,
              const Json& row) {
  return std::ranges::all_of(key, [&](const std::string& name) {
    const auto at = std::ranges::find(stored.columns, name) - stored.columns.begin();
    const auto column = table.column(name);
    return column && static_cast<std::size_t>(at) < cells.size() && row.contains(name) &&
           json_cell(cells[static_cast<std::size_t>(at)], table.columns[*column].type) == row[name];
  });
}

/// How many rows went or came.
std::size_t accept_rows(StoredTable& before, const StoredTable& now, const policies::Table& table,
                        const std::vector<std::string>& key, const Json& row) {
  if (before.columns != now.columns) return 0;
  std::size_t count =
      std::erase_if(before.rows, [&](const auto& cells) { return is_named(table, before, cells, key, row); });
  for (const auto& cells : now.rows)
    if (is_named(table, now, cells, key, row)) {
      before.rows.push_back(cells);
      ++count;
    }
  return count;
}

std::optional<std::uint64_t> address_in(const Json& row, const char* name) {
  if (!row.contains(name)) return std::nullopt;
  if (row[name].is_number_unsigned() || row[name].is_number_integer()) return row[name].get<std::uint64_t>();
  if (!row[name].is_string()) return std::nullopt;
  const auto text = row[name].get<std::string>();
  std::uint64_t value = 0;
  if (!text.starts_with("0x")) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool accept_code(policies::Baseline& before, const policies::Baseline& now, const Json& row) {
  const auto first = address_in(row, "gva"), size = address_in(row, "size");
  if (!first || !size || !now.text) return false;
  KeptText text = before.text ? *before.text : KeptText{};
  for (const KeptRegion& fresh : now.text->regions) {
    const std::uint64_t offset = *first - fresh.first.value;
    if (offset > fresh.bytes.size() || fresh.bytes.size() - offset < *size) continue;
    const auto same = std::ranges::find_if(text.regions, [&](const KeptRegion& kept) {
      return kept.module == fresh.module && kept.identity == fresh.identity && kept.first == fresh.first &&
             kept.bytes.size() == fresh.bytes.size();
    });
    if (same == text.regions.end())
      text.regions.push_back(fresh);
    else
      std::copy_n(fresh.bytes.begin() + static_cast<std::ptrdiff_t>(offset), *size,
                  same->bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    before.text = std::make_shared<const KeptText>(std::move(text));
    return true;
  }
  return false;
}

}  // namespace

Result<policies::Baseline> accept_into(policies::Baseline before, const policies::Baseline& now,
                                       const policies::Check& check, const Json& row) {
  if (before.guest != now.guest) return fail(Errc::mismatch, "the baseline is of another guest");
  const bool code = row.contains("source") && row["source"] == kFirstSeen;
  if (!check.needs_baseline() && !code)
    return fail(
        Errc::invalid_argument,
        fmt::format("{} does not compare with the baseline: it holds for every sound kernel. If this is "
                    "legitimate, write an exception",
                    check.id));
  std::size_t accepted = code && accept_code(before, now, row) ? 1 : 0;
  for (const auto& name : check.baseline_tables) {
    // What such a check looks up beside its own table, like which vCPUs had started, is not what it is about.
    if (check.unchanged && check.unchanged->table != name) continue;
    const policies::Table* table = policies::find_table(name);
    const auto fresh = now.tables.find(name);
    if (table == nullptr || fresh == now.tables.end()) continue;
    auto& stored = before.tables[name];
    if (stored.columns.empty()) stored.columns = fresh->second.columns;
    std::vector<std::string> key(table->identity.begin(), table->identity.end());
    if (check.unchanged) key = check.unchanged->key;
    accepted += accept_rows(stored, fresh->second, *table, key, row);
  }
  if (accepted == 0)
    return fail(Errc::mismatch,
                fmt::format("a baseline holds nothing that this violation of {} names", check.id));
  before.taken = now.taken;
  return before;
}

}  // namespace ringside::agent
