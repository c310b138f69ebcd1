// SPDX-License-Identifier: Apache-2.0
#include "agent/restore_plan.h"

#include "agent/verbs/support.h"
#include "guest/linux/kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace ringside::agent {

using policies::Value;

std::vector<guest::live::LiveGuest::PhysicalWrite> RestorePlan::writes() const {
  std::vector<guest::live::LiveGuest::PhysicalWrite> all;
  for (const auto& step : steps) all.push_back({step.gpa, step.current, step.baseline});
  return all;
}

std::string RestoreStep::object() const {
  if (!abi.empty()) return fmt::format("{} call {}", abi, entry);
  if (table == "idt" || table == "gdt")
    return fmt::format("{} {} of vCPU {}", table == "idt" ? "gate" : "entry", entry, vcpu);
  return guest::to_string(gva);
}

void add_step(RestorePlan& plan, RestoreStep step) {
  const auto same_place = std::find_if(plan.steps.begin(), plan.steps.end(),
                                       [&](const RestoreStep& other) { return other.gpa == step.gpa; });
  if (same_place == plan.steps.end())
    plan.steps.push_back(std::move(step));
  else if (same_place->baseline == step.baseline)
    same_place->finding = same_place->finding.empty() ? step.finding : same_place->finding;
  else if (same_place->table == step.table)
    plan.not_possible.push_back(fmt::format("{} and {} of {} share their memory, but their baselines differ",
                                            same_place->object(), step.object(), step.table));
  else
    plan.not_possible.push_back(fmt::format("{} and {} say different things of what is to stand at {}",
                                            same_place->table, step.table, guest::to_string(step.gva)));
}

namespace {

/// A GDT entry without the bits that the CPU sets: accessed in code and data, busy in a TSS (SDM vol.
/// 3A, 3.4.5.1 and 8.2.2). Both stand in byte 5, as do S (bit 4) and the type (bits 0 to 3).
Bytes without_cpu_bits(Bytes raw) {
  if (raw.size() < 8) return raw;
  const auto access = std::to_integer<unsigned>(raw[5]);
  const bool code_or_data = (access & 0x10) != 0;
  const bool tss = !code_or_data && ((access & 0x0d) == 0x01 || (access & 0x0d) == 0x09);
  if (code_or_data) raw[5] &= std::byte{0xfe};
  if (tss) raw[5] &= std::byte{0xfd};
  return raw;
}

/// Linux rewrites these on every task switch: LDT and TLS (arch/x86/include/asm/segment.h).
bool belongs_to_task(std::int64_t entry, bool long_mode) {
  if (long_mode) return entry >= 10 && entry <= 14;
  return (entry >= 6 && entry <= 8) || entry == 17;
}

bool differs(const std::string& table, const EntryRow& before, const EntryRow& now) {
  if (table != "gdt") return before.raw != now.raw;
  return without_cpu_bits(before.raw) != without_cpu_bits(now.raw);
}

/// A row as messages name it: "idt entry 14 of vCPU 0", "x64 system call 62".
std::string name_of(const std::string& table, const EntryRow& row) {
  return row.abi.empty() ? fmt::format("{} entry {} of vCPU {}", table, row.entry, row.vcpu)
                         : fmt::format("{} system call {}", row.abi, row.entry);
}

/// What a row is part of: "idt of vCPU 0", "x64 system call table".
std::string owner_of(const std::string& table, const EntryRow& row) {
  return row.abi.empty() ? fmt::format("{} of vCPU {}", table, row.vcpu)
                         : fmt::format("{} system call table", row.abi);
}

/// A kernel that runs in long mode has 16-byte system descriptors; its TSS is always one.
bool has_long_descriptors(const std::vector<EntryRow>& rows, std::int64_t vcpu) {
  return std::any_of(rows.begin(), rows.end(),
                     [&](const EntryRow& row) { return row.vcpu == vcpu && row.raw.size() == 16; });
}

}  // namespace

void plan_table(RestorePlan& plan, const std::string& table, const std::vector<EntryRow>& before,
                const std::vector<EntryRow>& now) {
  std::map<std::tuple<std::string, std::int64_t, std::int64_t>, const EntryRow*> present;
  for (const auto& row : now) present[{row.abi, row.vcpu, row.entry}] = &row;
  std::set<std::string> moved;  // tables of which it has been said
  for (const auto& old : before) {
    if (table == "gdt" && belongs_to_task(old.entry, has_long_descriptors(before, old.vcpu))) continue;
    const auto found = present.find({old.abi, old.vcpu, old.entry});
    if (found == present.end()) {
      plan.not_possible.push_back(name_of(table, old) + " is gone or cannot be read");
      continue;
    }
    const EntryRow& current = *found->second;
    if (current.gva != old.gva) {
      if (moved.insert(owner_of(table, old)).second)
        plan.not_possible.push_back(
            fmt::format("the {} has moved ({} -> {}): what points to it decides where it is, and ringside "
                        "writes back what "
                        "stands in it only",
                        owner_of(table, old), hex_address(old.gva), hex_address(current.gva)));
      continue;
    }
    if (!differs(table, old, current)) continue;
    if (old.raw.size() != current.raw.size() || old.raw.empty()) {
      plan.not_possible.push_back(name_of(table, old) + " has another size than in the baseline");
      continue;
    }
    add_step(plan, {table, old.vcpu, old.entry, {current.gva}, {current.gpa}, current.raw, old.raw, old.abi});
  }
}

namespace {

std::optional<std::int64_t> number(const Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

/// The cells vcpu, entry, gva, gpa, raw of one row; nullopt for a row without bytes or place.
std::optional<EntryRow> entry_row(const std::vector<Value>& cells) {
  const auto vcpu = number(cells[0]), entry = number(cells[1]), gva = number(cells[2]),
             gpa = number(cells[3]);
  const auto* text = std::get_if<std::string>(&cells[4]);
  if (!vcpu || !entry || !gva || !gpa || text == nullptr) return std::nullopt;
  auto bytes = from_hex(*text);
  if (!bytes) return std::nullopt;
  return EntryRow{*vcpu, *entry, static_cast<std::uint64_t>(*gva), static_cast<std::uint64_t>(*gpa),
                  std::move(*bytes)};
}

/// The cells abi, nr, entry, handler of one row of `syscalls`. Its guest-physical place is not a part of it.
std::optional<EntryRow> call_row(const std::vector<Value>& cells, unsigned pointer_size) {
  const auto* abi = std::get_if<std::string>(&cells[0]);
  const auto nr = number(cells[1]), gva = number(cells[2]), handler = number(cells[3]);
  if (abi == nullptr || !nr || !gva || !handler) return std::nullopt;
  return EntryRow{0, *nr, static_cast<std::uint64_t>(*gva), 0, pointer_bytes(*handler, pointer_size), *abi};
}

/// These columns of the rows that the baseline keeps of `table`.
Result<std::vector<std::vector<Value>>> stored_cells(const policies::Baseline& baseline,
                                                     const std::string& table,
                                                     const std::vector<std::string>& names) {
  const auto stored = baseline.tables.find(table);
  const auto missing = [&](std::string_view what) {
    return fail(Errc::unavailable, fmt::format("the baseline does not hold {}", what),
                "run ringside baseline save again");
  };
  if (stored == baseline.tables.end()) return missing("table " + table);
  const auto& columns = stored->second.columns;
  std::vector<std::size_t> at;
  for (const auto& name : names) {
    const auto found = std::find(columns.begin(), columns.end(), name);
    if (found == columns.end()) return missing(table + "." + name);
    at.push_back(static_cast<std::size_t>(found - columns.begin()));
  }
  std::vector<std::vector<Value>> rows;
  for (const auto& row : stored->second.rows) {
    if (row.size() != columns.size()) return missing("whole rows of " + table);
    auto& cells = rows.emplace_back();
    for (const std::size_t i : at) cells.push_back(row[i]);
  }
  return rows;
}

Result<void> plan_descriptors(RestorePlan& plan, const policies::Baseline& baseline,
                              guest::Snapshot& snapshot, const std::string& table, const std::string& entry) {
  RINGSIDE_TRY(const auto stored, stored_cells(baseline, table, {"vcpu", entry, "gva", "gpa", "raw"}));
  RINGSIDE_TRY(
      const auto result,
      ask(snapshot, fmt::format("SELECT vcpu, {}, gva, gpa, raw FROM {} ORDER BY 1, 2", entry, table)));
  std::vector<EntryRow> before, now;
  for (const auto& cells : stored)
    if (auto one = entry_row(cells)) before.push_back(std::move(*one));
  for (const auto& cells : result.rows)
    if (auto one = entry_row(cells)) now.push_back(std::move(*one));
  plan_table(plan, table, before, now);
  plan.not_possible.insert(plan.not_possible.end(), result.incomplete.begin(), result.incomplete.end());
  return {};
}

Result<void> plan_syscalls(RestorePlan& plan, const policies::Baseline& baseline, guest::Snapshot& snapshot) {
  if (!baseline.tables.contains("syscalls")) return {};
  RINGSIDE_TRY(auto* kernel, guest::linux::Kernel::of(snapshot));
  const unsigned pointer = kernel->pointer_size();
  RINGSIDE_TRY(const auto stored, stored_cells(baseline, "syscalls", {"abi", "nr", "entry", "handler"}));
  RINGSIDE_TRY(const auto result,
               ask(snapshot, "SELECT abi, nr, entry, handler FROM syscalls ORDER BY 1, 2"));
  std::vector<EntryRow> before, now;
  for (const auto& cells : stored)
    if (auto one = call_row(cells, pointer)) before.push_back(std::move(*one));
  for (const auto& cells : result.rows) {
    auto one = call_row(cells, pointer);
    if (!one) continue;
    RINGSIDE_TRY(const auto gpa, kernel->space().translate({one->gva}));
    one->gpa = gpa.value;
    now.push_back(std::move(*one));
  }
  plan_table(plan, "syscalls", before, now);
  plan.not_possible.insert(plan.not_possible.end(), result.incomplete.begin(), result.incomplete.end());
  return {};
}

}  // namespace

Bytes pointer_bytes(std::int64_t value, unsigned size) {
  Bytes bytes;
  for (unsigned i = 0; i < size; ++i)
    bytes.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
  return bytes;
}

Result<RestorePlan> plan_restore(const policies::Baseline& baseline, guest::Snapshot& snapshot) {
  RINGSIDE_TRY(const auto booted, policies::booted_since(baseline, snapshot));
  if (booted) return fail(Errc::mismatch, "nothing can be restored from the baseline: " + *booted);
  RestorePlan plan;
  RINGSIDE_CHECK(plan_descriptors(plan, baseline, snapshot, "idt", "vector"));
  RINGSIDE_CHECK(plan_descriptors(plan, baseline, snapshot, "gdt", "entry"));
  RINGSIDE_CHECK(plan_syscalls(plan, baseline, snapshot));
  return plan;
}

}  // namespace ringside::agent
