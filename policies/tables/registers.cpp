// SPDX-License-Identifier: Apache-2.0
#include "policies/tables/linux/address_names.h"
#include "policies/tables/support.h"

#include <array>

namespace ringside::policies {

namespace {

namespace x86 = guest::x86;
using guest::RegisterGroups;

/// A family of registers with the group that a verdict on it depends on.
struct Family {
  std::string_view name;
  RegisterGroups group;
};
constexpr std::array kFamilies = {
    Family{"general", RegisterGroups::general}, Family{"segment", RegisterGroups::general},
    Family{"control", RegisterGroups::control}, Family{"root", RegisterGroups::root},
    Family{"table", RegisterGroups::tables},    Family{"debug", RegisterGroups::debug}};

constexpr std::size_t kColumns = 4;  // without those that name the value

struct Register {
  std::string_view family;
  std::string name;
  std::uint64_t value;
};

void add_segment(std::vector<Register>& all, std::string_view family, const std::string& name,
                 const x86::Segment& segment) {
  all.push_back({family, name + ".selector", segment.selector});
  all.push_back({family, name + ".base", segment.base});
  all.push_back({family, name + ".limit", segment.limit});
}

std::vector<Register> registers_of(const x86::CpuState& cpu) {
  static constexpr std::array kGpr = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  std::vector<Register> all;
  for (std::size_t i = 0; i < kGpr.size(); ++i) all.push_back({"general", kGpr[i], cpu.gpr[i]});
  all.push_back({"general", "rip", cpu.rip});
  all.push_back({"general", "rflags", cpu.rflags});
  all.push_back({"general", "cr2", cpu.cr2});
  add_segment(all, "segment", "es", cpu.es);
  add_segment(all, "segment", "cs", cpu.cs);
  add_segment(all, "segment", "ss", cpu.ss);
  add_segment(all, "segment", "ds", cpu.ds);
  add_segment(all, "segment", "fs", cpu.fs);
  add_segment(all, "segment", "gs", cpu.gs);
  all.push_back({"control", "cr0", cpu.cr0});
  // CR4.PGE is switched off and on again to flush global TLB entries, so it says nothing and is left out.
  all.push_back({"control", "cr4", cpu.cr4 & ~x86::cr4::kPge});
  all.push_back({"control", "efer", cpu.efer});
  all.push_back({"root", "cr3", cpu.cr3});
  all.push_back({"table", "gdtr.base", cpu.gdt.base.value});
  all.push_back({"table", "gdtr.limit", cpu.gdt.limit});
  all.push_back({"table", "idtr.base", cpu.idt.base.value});
  all.push_back({"table", "idtr.limit", cpu.idt.limit});
  add_segment(all, "table", "ldtr", cpu.ldt);
  add_segment(all, "table", "tr", cpu.tr);
  for (const unsigned n : {0u, 1u, 2u, 3u, 6u, 7u})
    all.push_back({"debug", "dr" + std::to_string(n), cpu.dr[n]});
  return all;
}

/// True for a register that holds a linear address whatever the kernel does.
bool holds_address(std::string_view name) {
  return name == "rip" || name == "rsp" || name == "cr2" || name.ends_with(".base") || name == "dr0" ||
         name == "dr1" || name == "dr2" || name == "dr3";
}

Result<void> fill(guest::Snapshot& snapshot, const TableRequest& request, RowSink& sink) {
  // A constraint on the name alone decides the family too, and with it what the verdict depends on.
  static const std::vector<Register> names = registers_of(x86::CpuState{});
  RegisterGroups groups = RegisterGroups::none;
  for (const auto& one : names)
    if (request.wants("family", one.family) && request.wants("name", std::string_view(one.name)))
      for (const auto& family : kFamilies)
        if (family.name == one.family) groups = groups | family.group;
  AddressNames names_of(snapshot, request, kColumns, sink);
  for (const auto& cpu : snapshot.cpus(groups)) {
    const bool paged = cpu.paging_mode() != x86::PagingMode::none;
    if (!request.wants("vcpu", std::int64_t{cpu.index})) continue;
    for (const auto& one : registers_of(cpu)) {
      if (!request.wants("family", one.family) || !request.wants("name", std::string_view(one.name)))
        continue;
      std::vector<Value> row = {cell(cpu.index), cell(one.family), cell(one.name), cell(one.value)};
      const bool address = paged && one.value != 0 && holds_address(one.name);
      names_of.add(row, address ? std::optional(one.value) : std::nullopt);
      if (!sink.row(std::move(row))) return {};
    }
  }
  return {};
}

}  // namespace

Table registers_table() {
  return {
      .name = "registers",
      .doc = "Each register of each vCPU: one row a register. MSRs are in `msrs`.",
      .columns = with_address_names(
          {{"vcpu", ColumnType::integer, "number of the vCPU, from 0"},
           {"family", ColumnType::text,
            "general (rax ... r15, rip, rflags, cr2), segment, control (cr0, cr4 without PGE, efer), root "
            "(cr3), table (gdtr, idtr, ldtr, tr), debug (dr0 ... dr7)"},
           {"name", ColumnType::text, "rax, cr0, idtr.base, tr.selector, ..."},
           {"value", ColumnType::address, "its value"}}),
      .pushdown = {"vcpu", "family", "name"},
      .identity = {"vcpu", "name"},
      .example = "SELECT vcpu, name, value FROM registers WHERE name IN ('cr0', 'cr4', 'idtr.base')",
      .in_baseline = true,
      // The LDT belongs to the running task. QEMU cuts the base of TR while a 64-bit kernel runs a 32-bit
      // program (target/i386/cpu-dump.c); table `tss` has the TSS where it really is.
      .baseline_where =
          "family = 'control' OR (family = 'table' AND name NOT LIKE 'ldtr.%' AND name <> 'tr.base')",
      .fill = fill};
}

}  // namespace ringside::policies
