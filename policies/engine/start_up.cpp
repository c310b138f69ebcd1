// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/start_up.h"

// Before any system header can: see there.
#include "guest/linux/linux_macro.h"
#include "guest/linux/text/kept_text.h"
#include "policies/engine/boot_record.h"
#include "policies/engine/carry_over.h"
#include "policies/engine/message.h"
#include "policies/engine/portable_rows.h"

#include <algorithm>
#include <set>

namespace ringside::policies {

namespace {

using guest::linux::KeptRegion;
using guest::linux::KeptText;
using Row = std::vector<Value>;

/// Tables whose rows come and go while a kernel runs, with nothing amiss: files of /proc.
bool grows(std::string_view table) {
  return table == "proc_entries";
}

bool overlap(const KeptRegion& a, const KeptRegion& b) {
  return a.first.value - b.first.value < b.bytes.size() || b.first.value - a.first.value < a.bytes.size();
}

/// Whether `fresh` is code of something that `kept` has no code of. A module that stands where another one
/// was, or was loaded again, is that only if it is the same to the byte: nothing else tells it from one that
/// was changed and made to look like another.
bool is_added(const KeptText& kept, const KeptRegion& fresh) {
  return std::ranges::all_of(kept.regions, [&](const KeptRegion& old) {
    if (!overlap(old, fresh)) return true;
    return old.identity != fresh.identity && old.first == fresh.first && old.bytes == fresh.bytes;
  });
}

/// Whose code was added.
std::vector<std::string> add_code(Baseline& kept, const Baseline& now) {
  std::vector<std::string> added;
  if (!now.text) return added;
  KeptText text = kept.text ? *kept.text : KeptText{};
  for (const KeptRegion& fresh : now.text->regions) {
    if (!is_added(text, fresh)) continue;
    text.regions.push_back(fresh);
    added.push_back(fresh.module.empty() ? kKernelCode : fresh.module);
  }
  kept.text_incomplete = now.text_incomplete;
  if (added.empty()) return added;
  kept.text = std::make_shared<const KeptText>(std::move(text));
  return added;
}

/// nullopt: the table as it was stored does not name its rows.
std::optional<std::string> key_of(const Table& table, const StoredTable& stored, const Row& row) {
  std::string key;
  for (const auto name : table.identity) {
    const Value* cell = cell_of(stored, row, name);
    if (cell == nullptr) return std::nullopt;
    key += show(*cell, table.columns[*table.column(name)].type) + ' ';
  }
  return key;
}

/// Whether anything was added to `kept`. `same_rows`: it was carried over, and no row may come.
bool add_rows(const Table& table, StoredTable& kept, const StoredTable& now, bool same_rows) {
  if (kept.columns != now.columns) return false;
  const bool in_part = !kept.incomplete.empty();
  if (!in_part && !grows(table.name)) return false;
  std::map<std::string, Row*> known;
  for (auto& row : kept.rows) {
    const auto key = key_of(table, kept, row);
    if (!key) return false;
    known.emplace(*key, &row);
  }
  std::vector<const Row*> fresh;
  for (const auto& row : now.rows)
    if (const auto key = key_of(table, now, row); key && !known.contains(*key)) fresh.push_back(&row);
  // It stays one that could not be read wholly: what is compared with it stays unknown, and is not learned.
  if (same_rows && !fresh.empty()) return false;
  for (const auto& row : now.rows) {
    if (!in_part) break;
    const auto old = known.find(key_of(table, now, row).value_or(""));
    if (old == known.end()) continue;
    for (std::size_t i = 0; i < row.size() && i < old->second->size(); ++i)
      if ((*old->second)[i] == Value()) (*old->second)[i] = row[i];
  }
  for (const Row* row : fresh) kept.rows.push_back(*row);
  if (in_part) kept.incomplete = now.incomplete;
  return in_part || !fresh.empty();
}

/// Takes over the rows of `now` that start-up sets; whether any of them differs.
bool take_settings(const Table& table, const PortableTable& portable, StoredTable& kept,
                   const StoredTable& now) {
  if (kept.columns != now.columns) return false;
  std::map<std::string, const Row*> present;
  for (const auto& row : now.rows)
    if (const auto key = key_of(table, now, row)) present.emplace(*key, &row);
  bool any = false;
  for (auto& row : kept.rows) {
    const Value* decider = cell_of(kept, row, portable.decides);
    const auto* text = decider == nullptr ? nullptr : std::get_if<std::string>(decider);
    const auto found = present.find(key_of(table, kept, row).value_or(""));
    if (text == nullptr || !portable.by_row.contains(*text) || found == present.end() ||
        row == *found->second)
      continue;
    row = *found->second;
    any = true;
  }
  return any;
}

/// Addresses in modules that were loaded since can be followed to the next boot.
void add_regions(BootRecord& kept, const BootRecord& now) {
  std::set<std::string> known;
  for (const auto& region : kept.regions) known.insert(region.owner);
  for (const auto& region : now.regions)
    if (!known.contains(region.owner)) kept.regions.push_back(region);
}

/// What was looked at only now differs from the boot before if it differs now.
void find_differences(const Baseline& kept, const Baseline& now, BootRecord& boot) {
  if (!boot.carried) return;
  const auto looked_at_now = [&](const OverReboot& one) {
    const PortableTable* table = portable_table(one.table);
    const auto& added = boot.start_up->tables;
    return (table != nullptr && table->set_by_start_up) || std::ranges::find(added, one.table) != added.end();
  };
  auto& differences = boot.carried->differences;
  std::erase_if(differences, looked_at_now);
  for (auto& one : portable_differences(kept, now))
    if (looked_at_now(one)) differences.push_back(std::move(one));
}

}  // namespace

Result<void> learn_start_up(Baseline& kept, const Baseline& now) {
  if (!kept.boot || !kept.boot->still_starts_up()) return {};
  if (kept.guest != now.guest || !now.boot || kept.build() != now.build() ||
      same_boot(*kept.boot, *now.boot, false) == false)
    return fail(Errc::mismatch, "the baseline is of another boot");
  if (kept.text && !now.text)
    return fail(Errc::unavailable, now.text_incomplete.empty() ? "the code of the kernel cannot be read"
                                                               : now.text_incomplete.front());
  BootRecord boot = *kept.boot;
  StartUp& start_up = *boot.start_up;
  start_up.code = add_code(kept, now);
  for (auto& [name, stored] : kept.tables) {
    const Table* table = find_table(name);
    const PortableTable* portable = portable_table(name);
    const auto fresh = now.tables.find(name);
    if (table == nullptr || fresh == now.tables.end()) continue;
    const bool carried = portable != nullptr && boot.carried && boot.carried->tables.contains(name);
    bool changed = add_rows(*table, stored, fresh->second, carried && portable->same_rows);
    if (portable != nullptr && portable->set_by_start_up && !carried)
      changed |= take_settings(*table, *portable, stored, fresh->second);
    if (changed) start_up.tables.push_back(name);
  }
  add_regions(boot, *now.boot);
  kept.boot = std::make_shared<const BootRecord>(boot);
  find_differences(kept, now, boot);
  start_up.learned = now.taken;
  kept.boot = std::make_shared<const BootRecord>(std::move(boot));
  return {};
}

}  // namespace ringside::policies
