// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/cpu_areas.h"
#include "policies/tables/linux/support.h"

#include <algorithm>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;
namespace x86 = guest::x86;

constexpr std::size_t kTask = 9;  // the column `task`; pid and comm follow it

Value address_cell(const std::optional<guest::Gva>& address) {
  return address ? cell(address->value) : null_cell();
}

/// Whether a register holds what the kernel's own area says; NULL where either is not known.
Value agrees(const std::optional<guest::Gva>& expected, const x86::CpuState* vcpu, std::uint64_t actual) {
  return expected && vcpu != nullptr ? cell(expected->value == actual) : null_cell();
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  const bool tasks = request.uses(kTask) || request.uses(kTask + 1) || request.uses(kTask + 2);
  RINGSIDE_TRY(const auto areas, linux::read_cpu_areas(*kernel, tasks));
  report_problems(areas, sink);
  auto groups = guest::RegisterGroups::tables | guest::RegisterGroups::control;
  // Without entry areas the base of GS or FS tells which is which.
  if (std::any_of(areas.entries.begin(), areas.entries.end(), [](const auto& one) { return !one.tss; }))
    groups = groups | guest::RegisterGroups::general;
  const auto& vcpus = snapshot.cpus(groups);
  for (const auto& area : areas.entries) {
    if (!request.wants("cpu", std::int64_t{area.cpu})) continue;
    const auto found = std::find_if(vcpus.begin(), vcpus.end(), [&](const x86::CpuState& vcpu) {
      return linux::cpu_of(areas.entries, vcpu) == area.cpu;
    });
    const x86::CpuState* vcpu = found == vcpus.end() ? nullptr : &*found;
    if (!sink.row({cell(area.cpu), vcpu == nullptr ? null_cell() : cell(vcpu->index),
                   cell_or_null(area.online), cell(area.offset), address_cell(area.entry_area),
                   address_cell(area.gdt), agrees(area.gdt, vcpu, vcpu == nullptr ? 0 : vcpu->gdt.base.value),
                   address_cell(area.tss), agrees(area.tss, vcpu, vcpu == nullptr ? 0 : vcpu->tr.base),
                   address_cell(area.task), area.pid ? cell(*area.pid) : null_cell(),
                   area.comm ? cell(*area.comm) : null_cell()}))
      break;
  }
  return {};
}

}  // namespace

Table cpus_table() {
  return {.name = "cpus",
          .doc = "The CPUs that the Linux kernel has set up, and what it keeps for each.",
          .columns = {{"cpu", ColumnType::integer, "the kernel's number"},
                      {"vcpu", ColumnType::integer,
                       "number of the vCPU that is this CPU, by its registers; NULL if none is"},
                      {"online", ColumnType::boolean, "NULL where the kernel does not tell"},
                      {"per_cpu_offset", ColumnType::address, "added to a per-CPU variable's address",
                       Stability::kept},
                      {"entry_area", ColumnType::address, "its cpu_entry_area", Stability::kept},
                      {"gdt", ColumnType::address, "where its GDT stands there", Stability::kept},
                      {"gdt_agrees", ColumnType::boolean, "GDTR holds that address"},
                      {"tss", ColumnType::address, "where its TSS stands there", Stability::kept},
                      {"tss_agrees", ColumnType::boolean, "TR's base is that address"},
                      {"task", ColumnType::address, "task_struct of what runs on it", Stability::live},
                      {"pid", ColumnType::integer, "its thread id, 0 for the idle task", Stability::live},
                      {"comm", ColumnType::text, "its name", Stability::live}},
          .pushdown = {"cpu"},
          .identity = {"cpu"},
          .example = "SELECT cpu, vcpu, pid, comm FROM cpus WHERE online",
          .in_baseline = false,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
