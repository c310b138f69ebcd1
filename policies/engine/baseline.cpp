// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/baseline.h"

// Before any system header can: see there.
#include "guest/linux/kernel.h"
#include "guest/linux/linux_macro.h"
#include "guest/linux/text/kept_text.h"
#include "guest/linux/text/text_changes.h"
#include "policies/engine/boot_record.h"
#include "policies/engine/database.h"
#include "policies/engine/message.h"

#include <algorithm>

namespace ringside::policies {

namespace {

std::string quoted(std::string_view name) {
  return "\"" + std::string(name) + "\"";
}

/// The query for what a baseline keeps of `table`.
std::string kept_rows(const Table& table) {
  std::string columns;
  for (const auto& column : table.columns)
    if (column.stability != Stability::live) columns += (columns.empty() ? "" : ", ") + quoted(column.name);
  std::string sql = "SELECT " + columns + " FROM " + std::string(table.name);
  if (!table.baseline_where.empty()) sql += " WHERE " + std::string(table.baseline_where);
  return sql;
}

StoredTable read_table(const Table& table, Database& database) {
  StoredTable stored;
  for (const auto& column : table.columns)
    if (column.stability != Stability::live) stored.columns.emplace_back(column.name);
  auto rows = database.query(kept_rows(table));
  if (!rows) {
    stored.incomplete.push_back(rows.error().message);
    return stored;
  }
  stored.rows = std::move(rows->rows);
  stored.incomplete = std::move(rows->incomplete);
  return stored;
}

std::optional<std::size_t> place(const StoredTable& stored, std::string_view column) {
  const auto found = std::find(stored.columns.begin(), stored.columns.end(), column);
  if (found == stored.columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - stored.columns.begin());
}

/// "vcpu=0 vector=14"
std::string key_of(const Table& table, const StoredTable& stored, const std::vector<Value>& row) {
  std::string key;
  for (const auto name : table.identity) {
    const auto at = place(stored, name);
    if (!at || *at >= row.size()) continue;
    key += (key.empty() ? "" : " ") + std::string(name) + "=" +
           show(row[*at], table.columns[*table.column(name)].type);
  }
  return key;
}

using Rows = std::map<std::string, const std::vector<Value>*>;
Rows by_key(const Table& table, const StoredTable& stored) {
  Rows rows;
  for (const auto& row : stored.rows) rows.emplace(key_of(table, stored, row), &row);
  return rows;
}

void diff_row(const Table& table, const std::string& key, const StoredTable& then,
              const std::vector<Value>& before, const StoredTable& today, const std::vector<Value>& now,
              std::vector<BaselineDifference>& all) {
  for (const auto& column : table.columns) {
    if (column.stability != Stability::stable) continue;
    const auto a = place(then, column.name), b = place(today, column.name);
    if (!a || !b || *a >= before.size() || *b >= now.size() || before[*a] == now[*b]) continue;
    all.push_back({std::string(table.name), key, std::string(column.name), show(before[*a], column.type),
                   show(now[*b], column.type)});
  }
}

void diff_table(const Table& table, const StoredTable& then, const StoredTable& today,
                std::vector<BaselineDifference>& all) {
  const std::string name(table.name);
  for (const auto& reason : today.incomplete) all.push_back({name, "", "", "", "not read: " + reason});
  const Rows before = by_key(table, then), now = by_key(table, today);
  for (const auto& [key, row] : now) {
    const auto old = before.find(key);
    if (old != before.end())
      diff_row(table, key, then, *old->second, today, *row, all);
    else if (then.incomplete.empty())
      all.push_back({name, key, "", "", "new"});
  }
  if (!today.incomplete.empty()) return;
  for (const auto& [key, row] : before)
    if (!now.contains(key)) all.push_back({name, key, "", "there", "gone"});
}

/// A guest that runs no Linux, or is still booting one, has no code to keep, which is no fault of the
/// baseline.
void take_text(guest::Snapshot& snapshot, Baseline& baseline) {
  const auto kernel = guest::linux::Kernel::of(snapshot);
  if (!kernel) return;
  auto kept = guest::linux::keep_text(**kernel);
  if (!kept) {
    baseline.text_incomplete.push_back("code of the kernel: " + kept.error().message);
    return;
  }
  for (const Error& error : kept->incomplete) baseline.text_incomplete.push_back(error.message);
  baseline.text = std::make_shared<const guest::linux::KeptText>(std::move(*kept));
}

/// Code that differs from what the baseline holds, and that no patch site explains.
void diff_text(const Baseline& baseline, guest::Snapshot& snapshot, std::vector<BaselineDifference>& all) {
  namespace linux = guest::linux;
  if (!baseline.text) return;
  const auto kernel = linux::Kernel::of(snapshot);
  if (!kernel)
    return all.push_back({"kernel_text_changes", "", "", "", "not read: " + kernel.error().message});
  linux::TextReferences references(**kernel, {linux::first_seen(baseline.text)});
  for (const bool of_modules : {false, true}) {
    const std::string table = of_modules ? "module_text_changes" : "kernel_text_changes";
    const auto problems =
        linux::text_changes(**kernel, references, {of_modules, false}, [&](const linux::TextChange& change) {
          all.push_back({table, "gva=" + hex_address(change.first.value), "actual", to_hex(change.expected),
                         to_hex(change.actual)});
          return true;
        });
    for (const Error& error : problems) all.push_back({table, "", "", "", "not read: " + error.message});
  }
}

}  // namespace

std::string Baseline::build() const {
  return boot ? boot->build_id : std::string();
}

Result<Baseline> take_baseline(guest::Snapshot& snapshot) {
  const auto& cpus = snapshot.cpus(guest::RegisterGroups::control);
  const auto running = std::find_if(cpus.begin(), cpus.end(), [](const auto& cpu) {
    return cpu.paging_mode() != guest::x86::PagingMode::none;
  });
  if (running == cpus.end())
    return fail(Errc::unavailable,
                "no vCPU has paging on: there is no operating system to take a baseline of");
  RINGSIDE_TRY(auto database, Database::create());
  database->bind(&snapshot);
  Baseline baseline;
  const auto& info = snapshot.info();
  baseline.guest = info.key();
  baseline.taken = std::chrono::floor<std::chrono::seconds>(info.taken);
  baseline.description = "QEMU " + info.qemu_version + ", " + info.accelerator + ", " +
                         std::string(guest::x86::to_string(running->paging_mode())) + ", " +
                         std::to_string(cpus.size()) + (cpus.size() == 1 ? " vCPU" : " vCPUs");
  for (const auto& table : tables()) {
    if (!table.in_baseline) continue;
    StoredTable stored = read_table(table, *database);
    // Where there is no Linux, its tables are not missing from the baseline: it has none of them.
    if (const auto kernel = guest::linux::Kernel::of(snapshot);
        !kernel && stored.rows.empty() && stored.incomplete.size() == 1 &&
        stored.incomplete[0].ends_with(kernel.error().message))
      continue;
    baseline.tables.emplace(table.name, std::move(stored));
  }
  take_text(snapshot, baseline);
  baseline.boot = std::make_shared<const BootRecord>(boot_record(snapshot));
  return baseline;
}

Result<std::vector<BaselineDifference>> diff_baseline(const Baseline& baseline, guest::Snapshot& snapshot) {
  RINGSIDE_TRY(auto database, Database::create());
  database->bind(&snapshot);
  std::vector<BaselineDifference> all;
  for (const auto& [name, stored] : baseline.tables) {
    const Table* table = find_table(name);
    if (table != nullptr) diff_table(*table, stored, read_table(*table, *database), all);
  }
  diff_text(baseline, snapshot, all);
  return all;
}

Result<std::optional<std::string>> booted_since(const Baseline& baseline, guest::Snapshot& snapshot) {
  RINGSIDE_TRY(auto database, Database::create());
  database->bind(&snapshot);
  return booted_since(baseline, *database);
}

}  // namespace ringside::policies
