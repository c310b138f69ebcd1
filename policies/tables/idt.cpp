// SPDX-License-Identifier: Apache-2.0
// Before any system header can: see there.
#include "guest/descriptor_tables.h"
#include "guest/linux/linux_macro.h"
#include "policies/tables/linux/address_names.h"
#include "policies/tables/linux/gate_names.h"
#include "policies/tables/support.h"

namespace ringside::policies {

namespace {

namespace x86 = guest::x86;
using guest::RegisterGroups;

constexpr std::size_t kColumns = 12;  // without those that name the handler

bool add(const x86::CpuState& cpu, const guest::Placed<x86::IdtGate>& placed, AddressNames& names,
         const GateNames& gates, RowSink& sink) {
  const auto& gate = placed.entry;
  const auto mode = cpu.paging_mode();
  // A task gate names a TSS and no handler (SDM vol. 3A, section 6.11).
  const bool has_handler = gate.type == x86::DescriptorType::interrupt_gate ||
                           gate.type == x86::DescriptorType::interrupt_gate16 ||
                           gate.type == x86::DescriptorType::trap_gate ||
                           gate.type == x86::DescriptorType::trap_gate16;
  const bool knows_half = has_handler && mode != x86::PagingMode::none;
  std::vector<Value> row = {cell(cpu.index),
                            cell(gate.vector),
                            cell(gate.present),
                            cell(x86::to_string(gate.type)),
                            cell(gate.dpl),
                            cell(gate.selector),
                            cell(gate.ist),
                            has_handler ? cell(gate.handler) : null_cell(),
                            knows_half ? cell(gate.handler >= x86::kernel_half(mode).value) : null_cell(),
                            cell(placed.gva.value),
                            cell(placed.gpa.value),
                            cell(to_hex(gate.raw_bytes()))};
  const auto handler = has_handler ? std::optional(gate.handler) : std::nullopt;
  names.add(row, handler);
  gates.add(row, gate.vector, handler);
  return sink.row(std::move(row));
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  AddressNames names(snapshot, request, kColumns, sink);
  const GateNames gates(snapshot, request, kColumns + kAddressNames, sink);
  for (const auto* cpu : protected_cpus(snapshot, RegisterGroups::tables, request, sink)) {
    guest::AddressSpace space(snapshot, x86::PagingRoot::of(*cpu));
    const auto idt = guest::read_idt(space, *cpu);
    for (const auto& error : idt.unreadable)
      sink.incomplete(error.within("vCPU " + std::to_string(cpu->index)));
    for (const auto& gate : idt.entries)
      if (request.wants("vector", std::int64_t{gate.entry.vector}) && !add(*cpu, gate, names, gates, sink))
        return {};
  }
  return {};
}

}  // namespace

Table idt_table() {
  return {.name = "idt",
          .doc = "The interrupt descriptor table of each vCPU: one row a gate.",
          .columns = with_gate_names(with_address_names(
              {{"vcpu", ColumnType::integer, "number of the vCPU, from 0"},
               {"vector", ColumnType::integer, "0 to 255"},
               {"present", ColumnType::boolean, "the gate is in use"},
               {"type", ColumnType::text, "interrupt-gate, trap-gate, task-gate, null, reserved, ..."},
               {"dpl", ColumnType::integer, "0 to 3: who may raise it with INT"},
               {"selector", ColumnType::integer, "code segment, or TSS of a task gate"},
               {"ist", ColumnType::integer, "interrupt stack, 0 for none (64-bit)"},
               {"handler", ColumnType::address, "where it enters; NULL if it has no handler"},
               {"kernel", ColumnType::boolean, "the handler lies in the kernel half; NULL if it has none"},
               {"gva", ColumnType::address, "where the gate stands", Stability::kept},
               {"gpa", ColumnType::address, "the same, guest-physical", Stability::kept},
               {"raw", ColumnType::bytes, "its bytes", Stability::kept}})),
          .pushdown = {"vcpu", "vector"},
          .identity = {"vcpu", "vector"},
          .example = "SELECT vector, handler, dpl FROM idt WHERE vcpu = 0 AND present AND dpl = 3",
          .in_baseline = true,
          .baseline_where = {},
          .fill = fill};
}

}  // namespace ringside::policies
