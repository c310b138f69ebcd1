// SPDX-License-Identifier: Apache-2.0
#include "guest/descriptor_tables.h"
#include "policies/tables/support.h"

namespace ringside::policies {

namespace {

namespace x86 = guest::x86;
using guest::RegisterGroups;

/// The type without the busy bit, which the CPU sets by itself.
std::string_view type_name(x86::DescriptorType type) {
  if (type == x86::DescriptorType::tss_available || type == x86::DescriptorType::tss_busy) return "tss";
  if (type == x86::DescriptorType::tss16_available || type == x86::DescriptorType::tss16_busy) return "tss16";
  return x86::to_string(type);
}

bool add(const x86::CpuState& cpu, const guest::Placed<x86::SegmentDescriptor>& placed, RowSink& sink) {
  const auto& d = placed.entry;
  const bool gate = d.type == x86::DescriptorType::call_gate || d.type == x86::DescriptorType::call_gate16 ||
                    d.type == x86::DescriptorType::task_gate;
  const bool busy = d.type == x86::DescriptorType::tss_busy || d.type == x86::DescriptorType::tss16_busy;
  return sink.row({cell(cpu.index),
                   cell(d.index),
                   cell(d.index * 8u),
                   cell(cpu.long_mode() ? 64u : 32u),
                   cell(type_name(d.type)),
                   cell(d.present),
                   cell(d.dpl),
                   cell(d.base),
                   cell(d.limit),
                   cell(d.writable_or_readable),
                   cell(d.conforming_or_down),
                   cell(d.long_code),
                   cell(d.default_big),
                   gate ? cell(d.gate_selector) : null_cell(),
                   gate ? cell(d.gate_offset) : null_cell(),
                   cell(d.accessed),
                   cell(busy),
                   cell(placed.gva.value),
                   cell(placed.gpa.value),
                   cell(to_hex(d.raw_bytes()))});
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  for (const auto* cpu : protected_cpus(snapshot, RegisterGroups::tables, request, sink)) {
    guest::AddressSpace space(snapshot, x86::PagingRoot::of(*cpu));
    const auto gdt = guest::read_gdt(space, *cpu);
    for (const auto& error : gdt.unreadable)
      sink.incomplete(error.within("vCPU " + std::to_string(cpu->index)));
    for (const auto& entry : gdt.entries)
      if (!add(*cpu, entry, sink)) return {};
  }
  return {};
}

}  // namespace

Table gdt_table() {
  return {
      .name = "gdt",
      .doc = "The global descriptor table of each vCPU: one row an entry.",
      .columns =
          {{"vcpu", ColumnType::integer, "number of the vCPU, from 0"},
           {"entry", ColumnType::integer, "place in the table, from 0; the null descriptor is 0"},
           {"selector", ColumnType::integer, "entry * 8"},
           {"bits", ColumnType::integer, "64 in long mode, where system descriptors take two entries; or 32"},
           {"type", ColumnType::text, "null, code, data, ldt, tss, call-gate, task-gate, reserved, ..."},
           {"present", ColumnType::boolean, "the entry is in use"},
           {"dpl", ColumnType::integer, "0 to 3"},
           {"base", ColumnType::address, "first address of the segment"},
           {"limit_bytes", ColumnType::address, "bytes - 1, granularity applied"},
           {"writable", ColumnType::boolean, "data can be written, or code can be read"},
           {"conforming", ColumnType::boolean, "conforming code, or data that grows down"},
           {"long_code", ColumnType::boolean, "L: 64-bit code"},
           {"big", ColumnType::boolean, "D/B: 32-bit operands"},
           {"gate_selector", ColumnType::integer, "target of a call or task gate; else NULL"},
           {"gate_offset", ColumnType::address, "target of a call gate; else NULL"},
           {"accessed", ColumnType::boolean, "set by the CPU when it loads the segment", Stability::kept},
           {"busy", ColumnType::boolean, "set by the CPU when it loads the TSS", Stability::kept},
           {"gva", ColumnType::address, "where the entry stands", Stability::kept},
           {"gpa", ColumnType::address, "the same, guest-physical", Stability::kept},
           {"raw", ColumnType::bytes, "its bytes", Stability::kept}},
      .pushdown = {"vcpu"},
      .identity = {"vcpu", "entry"},
      .example = "SELECT entry, type, dpl, base FROM gdt WHERE vcpu = 0 AND present",
      .in_baseline = true,
      // What Linux loads for the running task: TLS and LDT (arch/x86/include/asm/segment.h).
      .baseline_where =
          "CASE bits WHEN 64 THEN entry NOT BETWEEN 10 AND 14 "
          "ELSE entry NOT BETWEEN 6 AND 8 AND entry <> 17 END",
      .fill = fill};
}

}  // namespace ringside::policies
