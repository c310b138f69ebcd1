// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/snapshot.h"
#include "policies/tables/table.h"

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

// What the tables share. Each table is one file with one function that registry.cpp calls.
namespace ringside::policies {

Table file_pages_table();
Table dmesg_table();
Table gdt_table();
Table guest_table();
Table idt_table();
Table interfaces_table();
Table kernel_table();
Table memory_ranges_table();
Table mounts_table();
Table module_parameters_table();
Table module_regions_table();
Table module_sections_table();
Table modules_table();
Table msrs_table();
Table page_mappings_table();
Table process_files_table();
Table process_maps_table();
Table processes_table();
Table registers_table();
Table symbols_table();
Table cpus_table();
Table interrupt_stacks_table();
Table syscalls_table();
Table sockets_table();
Table sysctl_table();
Table threads_table();
Table tss_table();
Table type_members_table();
Table types_table();
Table vcpus_table();

template <std::unsigned_integral T>
Value cell(T value) {
  return static_cast<std::int64_t>(value);
}
inline Value cell(std::string_view text) {
  return std::string(text);
}
inline Value cell(std::string text) {
  return Value(std::move(text));
}
inline Value cell(const char* text) {
  return std::string(text);
}
inline Value null_cell() {
  return std::monostate{};
}

/// True if the vCPU has left real mode, which is how every vCPU starts and where one that the operating
/// system has not started yet stays.
bool started(const guest::x86::CpuState& cpu);

/// The vCPUs that a table of protected-mode structures speaks of, their `groups` noted, CR0, CR4 and EFER
/// too. A vCPU in real mode has no such structures. If it is halted it waits to be started: it is left out.
/// If it runs, or if no vCPU at all is started, nothing is known of what it does: `sink` is told. CR3 is not
/// noted: the structures lie in the kernel half, which page tables share, so a verdict depends on what the
/// walk reads of the root, not on which root it is (Evaluator::tick compares exactly that).
std::vector<const guest::x86::CpuState*> protected_cpus(guest::Snapshot& snapshot,
                                                        guest::RegisterGroups groups,
                                                        const TableRequest& request, RowSink& sink);

}  // namespace ringside::policies
