// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/carry_over.h"

#include "policies/engine/portable_rows.h"

#include <algorithm>
#include <set>

namespace ringside::policies {

namespace {

/// The vCPUs that had started when the baseline was taken.
std::set<std::int64_t> started(const Baseline& baseline) {
  std::set<std::int64_t> all;
  const auto stored = baseline.tables.find("vcpus");
  if (stored == baseline.tables.end()) return all;
  for (const auto& row : stored->second.rows) {
    const Value* vcpu = cell_of(stored->second, row, "vcpu");
    const Value* started = cell_of(stored->second, row, "started");
    const auto* number = vcpu == nullptr ? nullptr : std::get_if<std::int64_t>(vcpu);
    if (number != nullptr && started != nullptr && *started == Value(std::int64_t{1})) all.insert(*number);
  }
  return all;
}

/// Whether a row is of no vCPU, or of one of `vcpus`.
class OfVcpus {
 public:
  OfVcpus(const StoredTable& stored, std::set<std::int64_t> vcpus) : vcpus_(std::move(vcpus)) {
    const auto found = std::find(stored.columns.begin(), stored.columns.end(), "vcpu");
    if (found != stored.columns.end()) place_ = static_cast<std::size_t>(found - stored.columns.begin());
  }
  bool operator()(const PortableRow& row) const {
    if (!place_ || *place_ >= row.size()) return true;
    const auto& cell = row[*place_];
    const auto* vcpu = cell ? std::get_if<std::int64_t>(&*cell) : nullptr;
    return vcpu != nullptr && vcpus_.contains(*vcpu);
  }

 private:
  std::set<std::int64_t> vcpus_;
  std::optional<std::size_t> place_;
};

std::set<std::int64_t> common(const std::set<std::int64_t>& a, const std::set<std::int64_t>& b) {
  std::set<std::int64_t> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.begin()));
  return both;
}

/// Differences of one table, both sides in the addresses of one boot.
void compare(const Table& table, const PortableTable& portable, const StoredTable& kept_table,
             const PortableRows& kept, const StoredTable& now_table, const PortableRows& now,
             const OfVcpus& counts, std::vector<OverReboot>& all) {
  const std::string name(table.name);
  const bool whole = portable.same_rows && kept_table.incomplete.empty() && now_table.incomplete.empty();
  for (const auto& [key, row] : now.all()) {
    if (!counts(row)) continue;
    const PortableRow* old = kept.find(key);
    if (old == nullptr && whole) all.push_back({name, key, ""});
    for (std::size_t i = 0; old != nullptr && i < row.size() && i < old->size(); ++i) {
      const bool unread = (row[i] == Value() && !now_table.incomplete.empty()) ||
                          ((*old)[i] == Value() && !kept_table.incomplete.empty());
      if (row[i] && (*old)[i] && *row[i] != *(*old)[i] && !unread)
        all.push_back({name, key, kept_table.columns[i]});
      // What stood in the image or a module, and stands in neither.
      else if (!row[i] && (*old)[i])
        all.push_back({name, key, kept_table.columns[i]});
    }
  }
  if (!whole) return;
  for (const auto& [key, row] : kept.all())
    if (counts(row) && now.find(key) == nullptr) all.push_back({name, key, ""});
}

/// One table of the new baseline, as far as it is portable as it was before.
StoredTable merged(const Table& table, const PortableTable& portable, const StoredTable& before,
                   const PortableRows& rows, const StoredTable& now, const BootRecord& boot,
                   const OfVcpus& counts) {
  const PortableRows today(table, portable, now, boot, boot);
  StoredTable result{now.columns, {}, now.incomplete};
  const bool whole = portable.same_rows && before.incomplete.empty() && now.incomplete.empty();
  for (const auto& row : now.rows) {
    const auto key = portable_key(table, portable, now.columns, row);
    const PortableRow* mine = key ? today.find(*key) : nullptr;
    const PortableRow* old = mine != nullptr && counts(*mine) ? rows.find(*key) : nullptr;
    if (mine != nullptr && counts(*mine) && old == nullptr && whole) continue;  // new since
    auto cells = row;
    for (std::size_t i = 0; old != nullptr && i < cells.size() && i < old->size(); ++i)
      // What was not read then is no value.
      if ((*old)[i] && !(*(*old)[i] == Value() && !before.incomplete.empty())) cells[i] = *(*old)[i];
    result.rows.push_back(std::move(cells));
  }
  for (const auto& [key, row] : rows.all()) {
    // Gone since, or not read now: then it is compared once it can be.
    if ((!whole && now.incomplete.empty()) || !counts(row) || today.find(key) != nullptr) continue;
    auto& cells = result.rows.emplace_back();
    for (const auto& cell : row) cells.push_back(cell.value_or(Value()));
  }
  return result;
}

std::string count_of(std::size_t count, const char* what) {
  return std::to_string(count) + what;
}

}  // namespace

Result<Baseline> carry_over(const Baseline& before, Baseline now) {
  if (before.guest != now.guest || before.build().empty() || before.build() != now.build())
    return fail(Errc::mismatch, "a baseline is carried over between boots of one kernel build of one guest");
  BootRecord boot = *now.boot;
  const BootRecord& then = *before.boot;
  Carried carried;
  carried.from = then.carried ? then.carried->from : before.taken;
  const auto both = common(started(before), started(now));
  const Baseline raw = now;
  for (auto& [name, stored] : now.tables) {
    const Table* table = find_table(name);
    const PortableTable* portable = portable_table(name);
    const auto old = before.tables.find(name);
    if (table == nullptr || portable == nullptr)
      carried.anew[name] = "it belongs to one boot";
    else if (old == before.tables.end() || old->second.columns != stored.columns)
      carried.anew[name] = "the baseline of the boot before has other columns";
    else if (portable->of_machine && (then.machine.empty() || boot.machine.empty()))
      carried.anew[name] = "it hangs on the CPU, and QEMU did not say which one the guest has";
    else if (portable->of_machine && then.machine != boot.machine)
      carried.anew[name] = "the guest has another CPU model, other CPU features or another accelerator";
    else if (portable->set_by_start_up && then.still_starts_up() &&
             !(then.carried && then.carried->tables.contains(name)))
      carried.anew[name] = "at the boot before it was seen before the guest's start-up could set it";
    else {
      const PortableRows rows(*table, *portable, old->second, then, boot);
      stored = merged(*table, *portable, old->second, rows, stored, boot, OfVcpus(stored, both));
      carried.tables[name] =
          rows.not_placed() == 0
              ? ""
              : count_of(rows.not_placed(),
                         " addresses lie in no part of the kernel or of a module of both boots");
    }
  }
  boot.carried = std::move(carried);
  now.boot = std::make_shared<const BootRecord>(boot);
  boot.carried->differences = portable_differences(now, raw);
  now.boot = std::make_shared<const BootRecord>(std::move(boot));
  return now;
}

std::vector<OverReboot> portable_differences(const Baseline& kept, const Baseline& now) {
  std::vector<OverReboot> all;
  if (!kept.boot || !kept.boot->carried) return all;
  const auto both = common(started(kept), started(now));
  for (const auto& [name, note] : kept.boot->carried->tables) {
    const Table* table = find_table(name);
    const PortableTable* portable = portable_table(name);
    const auto old = kept.tables.find(name), fresh = now.tables.find(name);
    if (table == nullptr || portable == nullptr || old == kept.tables.end() || fresh == now.tables.end() ||
        old->second.columns != fresh->second.columns)
      continue;
    compare(*table, *portable, old->second, {*table, *portable, old->second, *kept.boot, *kept.boot},
            fresh->second, {*table, *portable, fresh->second, *kept.boot, *kept.boot},
            OfVcpus(fresh->second, both), all);
  }
  return all;
}

void forget_accepted(Baseline& kept, const Baseline& now) {
  if (!kept.boot || !kept.boot->carried) return;
  const auto left = portable_differences(kept, now);
  BootRecord boot = *kept.boot;
  std::erase_if(boot.carried->differences, [&](const OverReboot& one) {
    return std::find(left.begin(), left.end(), one) == left.end();
  });
  kept.boot = std::make_shared<const BootRecord>(std::move(boot));
}

}  // namespace ringside::policies
