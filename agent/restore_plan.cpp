// SPDX-License-Identifier: Apache-2.0
#include "agent/restore_plan.h"

#include "agent/verbs/support.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace ringside::agent {

using policies::Value;

std::vector<guest::live::LiveGuest::PhysicalWrite> RestorePlan::writes() const {
  std::vector<guest::live::LiveGuest::PhysicalWrite> all;
  for (const auto& step : steps) all.push_back({step.gpa, step.current, step.baseline});
  return all;
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

/// A kernel that runs in long mode has 16-byte system descriptors; its TSS is always one.
bool has_long_descriptors(const std::vector<EntryRow>& rows, std::int64_t vcpu) {
  return std::any_of(rows.begin(), rows.end(),
                     [&](const EntryRow& row) { return row.vcpu == vcpu && row.raw.size() == 16; });
}

}  // namespace

void plan_table(RestorePlan& plan, const std::string& table, const std::vector<EntryRow>& before,
                const std::vector<EntryRow>& now) {
  std::map<std::pair<std::int64_t, std::int64_t>, const EntryRow*> present;
  for (const auto& row : now) present[{row.vcpu, row.entry}] = &row;
  std::set<std::int64_t> moved;  // vCPUs of which it has been said
  for (const auto& old : before) {
    if (table == "gdt" && belongs_to_task(old.entry, has_long_descriptors(before, old.vcpu))) continue;
    const auto found = present.find({old.vcpu, old.entry});
    if (found == present.end()) {
      plan.not_possible.push_back(
          fmt::format("{} entry {} of vCPU {} is gone or cannot be read", table, old.entry, old.vcpu));
      continue;
    }
    const EntryRow& current = *found->second;
    if (current.gva != old.gva) {
      if (moved.insert(old.vcpu).second)
        plan.not_possible.push_back(fmt::format(
            "the {} of vCPU {} has moved ({} -> {}): a register decides where it is, and ringside writes "
            "memory only",
            table, old.vcpu, hex_address(old.gva), hex_address(current.gva)));
      continue;
    }
    if (!differs(table, old, current)) continue;
    if (old.raw.size() != current.raw.size() || old.raw.empty()) {
      plan.not_possible.push_back(fmt::format("{} entry {} of vCPU {} has another size than in the baseline",
                                              table, old.entry, old.vcpu));
      continue;
    }
    const guest::Gpa gpa{current.gpa};
    const auto same_place = std::find_if(plan.steps.begin(), plan.steps.end(),
                                         [&](const RestoreStep& step) { return step.gpa == gpa; });
    if (same_place == plan.steps.end())
      plan.steps.push_back({table, old.vcpu, old.entry, {current.gva}, gpa, current.raw, old.raw});
    else if (same_place->baseline != old.raw)
      plan.not_possible.push_back(
          fmt::format("{} entry {} is shared by vCPUs {} and {}, but their baselines differ", table,
                      old.entry, same_place->vcpu, old.vcpu));
  }
}

namespace {

/// The cells of one row as an EntryRow; nullopt for a row without bytes or place.
std::optional<EntryRow> entry_row(const Value& vcpu, const Value& entry, const Value& gva, const Value& gpa,
                                  const Value& raw) {
  const auto* numbers = std::get_if<std::int64_t>(&vcpu);
  const auto* place = std::get_if<std::int64_t>(&entry);
  const auto* virtual_address = std::get_if<std::int64_t>(&gva);
  const auto* physical_address = std::get_if<std::int64_t>(&gpa);
  const auto* text = std::get_if<std::string>(&raw);
  if (numbers == nullptr || place == nullptr || virtual_address == nullptr || physical_address == nullptr ||
      text == nullptr)
    return std::nullopt;
  auto bytes = from_hex(*text);
  if (!bytes) return std::nullopt;
  return EntryRow{*numbers, *place, static_cast<std::uint64_t>(*virtual_address),
                  static_cast<std::uint64_t>(*physical_address), std::move(*bytes)};
}

Result<std::vector<EntryRow>> stored_rows(const policies::Baseline& baseline, const std::string& table,
                                          const std::string& entry) {
  const auto stored = baseline.tables.find(table);
  const auto missing = [&](std::string_view what) {
    return fail(Errc::unavailable, fmt::format("the baseline does not hold {}", what),
                "run ringside baseline save again");
  };
  if (stored == baseline.tables.end()) return missing("table " + table);
  const auto& columns = stored->second.columns;
  std::array<std::size_t, 5> at{};
  const std::array<std::string, 5> names{"vcpu", entry, "gva", "gpa", "raw"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = std::find(columns.begin(), columns.end(), names[i]);
    if (found == columns.end()) return missing(table + "." + names[i]);
    at[i] = static_cast<std::size_t>(found - columns.begin());
  }
  std::vector<EntryRow> rows;
  for (const auto& row : stored->second.rows) {
    if (row.size() != columns.size()) return missing("whole rows of " + table);
    if (auto one = entry_row(row[at[0]], row[at[1]], row[at[2]], row[at[3]], row[at[4]]))
      rows.push_back(std::move(*one));
  }
  return rows;
}

}  // namespace

Result<RestorePlan> plan_restore(const policies::Baseline& baseline, guest::Snapshot& snapshot) {
  RINGSIDE_TRY(const auto booted, policies::booted_since(baseline, snapshot));
  if (booted) return fail(Errc::mismatch, "nothing can be restored: " + *booted);
  RestorePlan plan;
  for (const auto& [table, entry] :
       {std::pair<std::string, std::string>{"idt", "vector"}, {"gdt", "entry"}}) {
    RINGSIDE_TRY(const auto before, stored_rows(baseline, table, entry));
    RINGSIDE_TRY(
        const auto result,
        ask(snapshot, fmt::format("SELECT vcpu, {}, gva, gpa, raw FROM {} ORDER BY 1, 2", entry, table)));
    std::vector<EntryRow> now;
    for (const auto& row : result.rows)
      if (auto one = entry_row(row[0], row[1], row[2], row[3], row[4])) now.push_back(std::move(*one));
    plan_table(plan, table, before, now);
    plan.not_possible.insert(plan.not_possible.end(), result.incomplete.begin(), result.incomplete.end());
  }
  return plan;
}

}  // namespace ringside::agent
