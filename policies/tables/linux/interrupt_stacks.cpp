// SPDX-License-Identifier: Apache-2.0
#include "guest/descriptor_tables.h"
#include "guest/linux/cpu_areas.h"
#include "policies/tables/linux/support.h"

#include <algorithm>

namespace ringside::policies {

namespace {

namespace linux = guest::linux;
namespace x86 = guest::x86;

/// The kernel's stack `ist` of the CPU that this vCPU is.
const linux::InterruptStack* stack_of(const std::vector<linux::CpuArea>& areas, std::optional<unsigned> cpu,
                                      unsigned ist) {
  if (!cpu) return nullptr;
  const auto area =
      std::find_if(areas.begin(), areas.end(), [&](const auto& one) { return one.cpu == *cpu; });
  if (area == areas.end()) return nullptr;
  for (const auto& stack : area->stacks)
    if (stack.ist == ist) return &stack;
  return nullptr;
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  RINGSIDE_TRY(auto* kernel, linux::Kernel::of(snapshot));
  RINGSIDE_TRY(const auto areas, linux::read_cpu_areas(*kernel, false));
  report_problems(areas, sink);
  for (const auto* vcpu : protected_cpus(snapshot, guest::RegisterGroups::tables, request, sink)) {
    if (!vcpu->long_mode()) continue;  // a 32-bit TSS has no interrupt stacks
    const auto tss = guest::read_tss(kernel->space(), *vcpu, false);
    if (!tss) {
      sink.incomplete(tss.error().within("vCPU " + std::to_string(vcpu->index)));
      continue;
    }
    const auto cpu = linux::cpu_of(areas.entries, *vcpu);
    for (unsigned ist = 1; ist <= tss->entry.ist.size(); ++ist) {
      const std::uint64_t top = tss->entry.ist[ist - 1];
      const auto name = linux::interrupt_stack_name(ist);
      const auto* stack = stack_of(areas.entries, cpu, ist);
      // Linux leaves those at zero that it does not use.
      const Value agrees = name.empty()       ? cell(top == 0)
                           : stack != nullptr ? cell(stack->top.value == top)
                                              : null_cell();
      if (!sink.row({cell(vcpu->index), cell(ist), name.empty() ? null_cell() : cell(name), cell(top),
                     stack == nullptr ? null_cell() : cell(stack->bottom.value),
                     stack == nullptr ? null_cell() : cell(stack->top.value), agrees}))
        return {};
    }
  }
  return {};
}

}  // namespace

Table interrupt_stacks_table() {
  return {
      .name = "interrupt_stacks",
      .doc =
          "The interrupt stacks (IST) of each vCPU by Linux's names, beside what its CPU entry area says; no "
          "rows in 32-bit mode.",
      .columns = {{"vcpu", ColumnType::integer, "number of the vCPU, from 0"},
                  {"ist", ColumnType::integer, "1 to 7, as the gates of the IDT name it"},
                  {"linux_name", ColumnType::text,
                   "DF, NMI, DB, MCE or VC; NULL for one that Linux does not use"},
                  {"top", ColumnType::address, "what the TSS holds: where the stack starts, growing down"},
                  {"expected_bottom", ColumnType::address, "where the kernel's stack of that name ends",
                   Stability::kept},
                  {"expected_top", ColumnType::address, "where it starts", Stability::kept},
                  {"agrees", ColumnType::boolean,
                   "the TSS holds that, or 0 for one that is not in use; NULL if the kernel does not tell"}},
      .pushdown = {"vcpu"},
      .identity = {"vcpu", "ist"},
      .example = "SELECT vcpu, linux_name, top FROM interrupt_stacks WHERE NOT agrees",
      .in_baseline = false,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
