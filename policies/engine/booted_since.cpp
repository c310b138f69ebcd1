// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/baseline.h"
#include "policies/engine/database.h"

#include <algorithm>
#include <map>

namespace ringside::policies {

namespace {

// Linux picks its slide in steps of CONFIG_PHYSICAL_ALIGN, at least 2 MiB (arch/x86/boot/compressed/kaslr.c).
constexpr std::uint64_t kSlideStep = 2u << 20;
// Fewer gates than this that moved together are no evidence of a boot.
constexpr std::size_t kMinGates = 16;

/// Kernel entry points by name: "vcpu/vector" and "vcpu/LSTAR".
using EntryPoints = std::map<std::string, std::uint64_t>;

void add(EntryPoints& points, const Value& vcpu, const Value& name, const Value& address) {
  const auto* cpu = std::get_if<std::int64_t>(&vcpu);
  const auto* value = std::get_if<std::int64_t>(&address);
  if (cpu == nullptr || value == nullptr || *value == 0) return;
  const auto* vector = std::get_if<std::int64_t>(&name);
  const auto* text = std::get_if<std::string>(&name);
  if (vector == nullptr && text == nullptr) return;
  points[std::to_string(*cpu) + "/" + (vector != nullptr ? std::to_string(*vector) : *text)] =
      static_cast<std::uint64_t>(*value);
}

void add_stored(EntryPoints& points, const Baseline& baseline, const char* table, const char* name,
                const char* address, std::string_view only) {
  const auto stored = baseline.tables.find(table);
  if (stored == baseline.tables.end()) return;
  const auto& columns = stored->second.columns;
  const auto place = [&](std::string_view column) {
    return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), column) - columns.begin());
  };
  const std::size_t vcpu_at = place("vcpu"), name_at = place(name), address_at = place(address);
  for (const auto& row : stored->second.rows) {
    if (std::max({vcpu_at, name_at, address_at}) >= row.size()) continue;
    if (!only.empty() && row[name_at] != Value(std::string(only))) continue;
    add(points, row[vcpu_at], row[name_at], row[address_at]);
  }
}

}  // namespace

Result<std::optional<std::string>> booted_since(const Baseline& baseline, Database& database) {
  RINGSIDE_TRY(const auto paging, database.query("SELECT vcpu FROM vcpus WHERE pg"));
  if (paging.rows.empty())
    return "the guest has been reset since the baseline was taken: no vCPU has paging on";
  EntryPoints before, now;
  add_stored(before, baseline, "idt", "vector", "handler", {});
  add_stored(before, baseline, "msrs", "name", "value", "LSTAR");
  for (const auto* sql : {"SELECT vcpu, vector, handler FROM idt WHERE present",
                          "SELECT vcpu, name, value FROM msrs WHERE name = 'LSTAR'"}) {
    RINGSIDE_TRY(const auto rows, database.query(sql));
    for (const auto& row : rows.rows) add(now, row[0], row[1], row[2]);
  }
  std::optional<std::uint64_t> slide;
  std::size_t moved = 0;
  for (const auto& [name, address] : before) {
    const auto found = now.find(name);
    if (found == now.end()) continue;
    const std::uint64_t by = found->second - address;  // modulo 2^64
    if (by == 0 || by % kSlideStep != 0 || (slide && *slide != by)) return std::nullopt;
    slide = by;
    ++moved;
  }
  if (moved < kMinGates) return std::nullopt;
  const bool down = (*slide >> 63) != 0;
  return "the guest has booted since the baseline was taken (its kernel has moved by " +
         std::string(down ? "-" : "") + hex_address(down ? ~*slide + 1 : *slide) +
         "): run `ringside baseline save` again";
}

}  // namespace ringside::policies
