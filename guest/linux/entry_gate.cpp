// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/entry_gate.h"

#include "guest/descriptor_tables.h"

#include <algorithm>
#include <array>
#include <optional>

namespace ringside::guest::linux {

namespace {

using x86::PagingMode;

constexpr unsigned kPageFault = 14;
constexpr std::uint64_t kMaxRun = std::uint64_t{16} << 20;
// The root for user mode maps at most entry text: one 2-MiB page, or the pages of .entry.text
// (arch/x86/mm/pti.c, pti_clone_entry_text). No kernel image is as small as this.
constexpr std::uint64_t kWholeImage = std::uint64_t{6} << 20;

/// Roots to try, the likeliest first. With page-table isolation the kernel's root stands 4 KiB below the
/// user's, at an address with bit 12 clear (arch/x86/include/asm/pgtable.h, PTI_PGTABLE_SWITCH_BIT); without
/// it, bit 12 may be part of the address.
std::vector<x86::PagingRoot> candidate_roots(const x86::CpuState& cpu) {
  const auto own = x86::PagingRoot::of(cpu);
  std::vector<x86::PagingRoot> roots;
  if (own.mode == PagingMode::four_level || own.mode == PagingMode::five_level ||
      own.mode == PagingMode::pae) {
    auto kernel = own;
    kernel.table.value &= ~std::uint64_t{1u << 12};
    roots.push_back(kernel);
  }
  if (roots.empty() || roots[0].table != own.table) roots.push_back(own);
  return roots;
}

/// Bytes mapped in one run, contiguous in both spaces, from `start` upwards (or ending before it, downwards).
std::uint64_t run_above(const x86::PageTables& tables, const x86::Translation& start) {
  std::uint64_t done = start.page_size - (start.gva.value & (start.page_size - 1));
  while (done < kMaxRun) {
    const auto next = tables.translate(start.gva + done);
    if (!next || next->gpa.value != start.gpa.value + done) break;
    done += next->page_size - (next->gva.value & (next->page_size - 1));
  }
  return done;
}

std::uint64_t run_below(const x86::PageTables& tables, const x86::Translation& start) {
  std::uint64_t done = start.gva.value & (start.page_size - 1);
  while (done < kMaxRun && done < start.gpa.value) {
    const auto next = tables.translate(Gva{start.gva.value - done - 1});
    if (!next || next->gpa.value != start.gpa.value - done - 1) break;
    done += (next->gva.value & (next->page_size - 1)) + 1;
  }
  return done;
}

bool is_code_gate(const x86::IdtGate& gate) {
  return gate.present &&
         (gate.type == x86::DescriptorType::interrupt_gate || gate.type == x86::DescriptorType::trap_gate);
}

/// Handlers of early boot stand in one array, 9 bytes apart, or 13 with ENDBR
/// (arch/x86/include/asm/segment.h, EARLY_IDT_HANDLER_SIZE).
bool is_early(const std::array<std::uint64_t, 32>& exceptions) {
  const std::uint64_t step = exceptions[1] - exceptions[0];
  if (exceptions[0] == 0 || (step != 9 && step != 13)) return false;
  for (std::size_t i = 1; i < 16; ++i)
    if (exceptions[i] != 0 && exceptions[i] != exceptions[0] + i * step) return false;
  return true;
}

/// Reads the gates through `root`; nullopt, with the reason in `why`, if they do not lead into a kernel.
std::optional<EntryGate> read_gate(Snapshot& snapshot, const x86::CpuState& cpu, const x86::PagingRoot& root,
                                   Error& why) {
  AddressSpace space(snapshot, root);
  const auto idt = read_idt(space, cpu);
  EntryGate gate;
  gate.vcpu = cpu.index;
  gate.root = root;
  std::array<std::uint64_t, 32> exceptions{};
  for (const auto& placed : idt.entries) {
    if (!is_code_gate(placed.entry)) continue;
    gate.handlers.push_back(placed.entry.handler);
    if (placed.entry.vector < exceptions.size()) exceptions[placed.entry.vector] = placed.entry.handler;
    if (placed.entry.vector == kPageFault) gate.page_fault = Gva{placed.entry.handler};
  }
  std::sort(gate.handlers.begin(), gate.handlers.end());
  gate.handlers.erase(std::unique(gate.handlers.begin(), gate.handlers.end()), gate.handlers.end());
  if (gate.page_fault.value == 0) {
    why = idt.unreadable.empty()
              ? Error{Errc::unavailable, "its IDT has no gate for page faults: no operating system runs yet"}
              : idt.unreadable.front().within("IDT");
    return std::nullopt;
  }
  if (gate.page_fault < x86::kernel_half(root.mode)) {
    why = {Errc::unavailable, "page faults enter at " + to_string(gate.page_fault) +
                                  ", below the kernel's half of the address space: this is firmware, a boot "
                                  "loader, or no Linux"};
    return std::nullopt;
  }
  gate.early = is_early(exceptions);
  if (gate.early) gate.handlers = {exceptions[0]};
  const x86::PageTables tables(snapshot, root);
  const auto at = tables.translate(gate.page_fault);
  if (!at) {
    why = at.error().error.within("the page-fault handler");
    return std::nullopt;
  }
  gate.page_fault_gpa = at->gpa;
  gate.mapped_above = run_above(tables, *at);
  gate.mapped_below = run_below(tables, *at);
  gate.whole = gate.mapped_above + gate.mapped_below >= kWholeImage;
  return gate;
}

/// What a vCPU that shows no kernel is doing, or nullopt if it may show one.
std::optional<std::string> stage_before_kernel(const x86::CpuState& cpu) {
  if ((cpu.cr0 & x86::cr0::kPe) == 0)
    return cpu.halted
               ? "waits to be started"
               : "is in real mode: the guest has just been reset, or is in its firmware or boot loader";
  if ((cpu.cr0 & x86::cr0::kPg) == 0)
    return "has paging off: the guest is in its firmware, boot loader, or the first steps of a kernel";
  return std::nullopt;
}

}  // namespace

Result<EntryGate> find_entry_gate(Snapshot& snapshot) {
  const auto& cpus = snapshot.cpus(RegisterGroups::control | RegisterGroups::tables);
  Error why{Errc::unavailable, "the guest has no vCPU"};
  std::optional<EntryGate> partial;
  bool paging = false;
  for (const auto& cpu : cpus) {
    if (const auto stage = stage_before_kernel(cpu)) {
      if (!paging) why = {Errc::unavailable, "vCPU " + std::to_string(cpu.index) + " " + *stage};
      continue;
    }
    paging = true;
    bool first = true;
    for (const auto& root : candidate_roots(cpu)) {
      Error reason;
      auto gate = read_gate(snapshot, cpu, root, reason);
      if (!gate) {
        if (first || why.code != Errc::unavailable) why = reason.within("vCPU " + std::to_string(cpu.index));
        first = false;
        continue;
      }
      const bool on_user_root = root.table != x86::PagingRoot::of(cpu).table;
      gate->isolated = on_user_root;
      if (gate->whole) return std::move(*gate);
      if (!partial) partial = std::move(gate);
    }
  }
  if (partial) return std::move(*partial);
  return fail(std::move(why));
}

}  // namespace ringside::guest::linux
