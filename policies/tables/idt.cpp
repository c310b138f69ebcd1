// SPDX-License-Identifier: Apache-2.0
#include "guest/descriptor_tables.h"
#include "guest/linux/entry_points.h"
#include "policies/tables/support.h"

#include <algorithm>
#include <optional>

namespace ringside::policies {

namespace {

namespace x86 = guest::x86;
using guest::RegisterGroups;

using guest::linux::EntryPoints;

/// Linux's names, if the query asks for them: they cost the search for its kernel. nullopt: no Linux.
std::optional<EntryPoints> entry_points(guest::Snapshot& snapshot, const TableRequest& request) {
  static const auto kName = *find_table("idt")->column("linux_name");
  static const auto kExpected = *find_table("idt")->column("linux_handler");
  if (!request.uses(kName) && !request.uses(kExpected)) return std::nullopt;
  const auto kernel = guest::linux::Kernel::of(snapshot);
  return kernel ? std::optional<EntryPoints>(std::in_place, **kernel) : std::nullopt;
}

Value linux_name(const std::optional<EntryPoints>& points, const x86::IdtGate& gate) {
  return points && gate.vector < 256 ? cell(points->of(gate.vector).name) : null_cell();
}

Value linux_handler(const std::optional<EntryPoints>& points, const x86::IdtGate& gate, bool has_handler) {
  if (!points || !has_handler || gate.vector >= 256) return null_cell();
  const auto& handlers = points->of(gate.vector).handlers;
  if (handlers.empty()) return null_cell();
  return cell(std::find(handlers.begin(), handlers.end(), guest::Gva{gate.handler}) != handlers.end());
}

bool add(const x86::CpuState& cpu, const guest::Placed<x86::IdtGate>& placed,
         const std::optional<EntryPoints>& points, RowSink& sink) {
  const auto& gate = placed.entry;
  const auto mode = cpu.paging_mode();
  // A task gate names a TSS and no handler (SDM vol. 3A, section 6.11).
  const bool has_handler = gate.type == x86::DescriptorType::interrupt_gate ||
                           gate.type == x86::DescriptorType::interrupt_gate16 ||
                           gate.type == x86::DescriptorType::trap_gate ||
                           gate.type == x86::DescriptorType::trap_gate16;
  const bool knows_half = has_handler && mode != x86::PagingMode::none;
  return sink.row({cell(cpu.index), cell(gate.vector), cell(gate.present), cell(x86::to_string(gate.type)),
                   cell(gate.dpl), cell(gate.selector), cell(gate.ist),
                   has_handler ? cell(gate.handler) : null_cell(),
                   knows_half ? cell(gate.handler >= x86::kernel_half(mode).value) : null_cell(),
                   cell(placed.gva.value), cell(placed.gpa.value), cell(to_hex(gate.raw_bytes())),
                   linux_name(points, gate), linux_handler(points, gate, has_handler)});
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  const auto points = entry_points(snapshot, request);
  for (const auto* cpu : protected_cpus(snapshot, RegisterGroups::tables, request, sink)) {
    guest::AddressSpace space(snapshot, x86::PagingRoot::of(*cpu));
    const auto idt = guest::read_idt(space, *cpu);
    for (const auto& error : idt.unreadable)
      sink.incomplete(error.within("vCPU " + std::to_string(cpu->index)));
    for (const auto& gate : idt.entries)
      if (request.wants("vector", std::int64_t{gate.entry.vector}) && !add(*cpu, gate, points, sink))
        return {};
  }
  return {};
}

}  // namespace

Table idt_table() {
  return {
      .name = "idt",
      .doc = "The interrupt descriptor table of each vCPU: one row a gate.",
      .columns = {{"vcpu", ColumnType::integer, "number of the vCPU, from 0"},
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
                  {"raw", ColumnType::bytes, "its bytes", Stability::kept},
                  {"linux_name", ColumnType::text, "what Linux uses the vector for: page_fault, int80, ...",
                   Stability::live},
                  {"linux_handler", ColumnType::boolean,
                   "it enters where this Linux kernel's gate does; NULL without a Linux kernel",
                   Stability::live}},
      .pushdown = {"vcpu", "vector"},
      .identity = {"vcpu", "vector"},
      .example = "SELECT vector, handler, dpl FROM idt WHERE vcpu = 0 AND present AND dpl = 3",
      .in_baseline = true,
      .baseline_where = {},
      .fill = fill};
}

}  // namespace ringside::policies
