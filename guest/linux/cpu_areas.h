// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {

/// What the kernel calls the interrupt stack `ist` (1 to 7) of the TSS: "DF", "NMI", "DB", "MCE", "VC";
/// empty: not in use (arch/x86/include/asm/page_64_types.h, IST_INDEX_*).
std::string_view interrupt_stack_name(unsigned ist);

/// A stack of the CPU entry area.
struct InterruptStack {
  unsigned ist = 0;  ///< 1 to 7
  Gva bottom, top;   ///< top: what the TSS holds
};

/// What the kernel keeps for one CPU.
struct CpuArea {
  unsigned cpu = 0;               ///< the kernel's number
  std::uint64_t offset = 0;       ///< __per_cpu_offset: added to a per-CPU variable's address
  std::optional<bool> online;     ///< in __cpu_online_mask; nullopt: not known
  std::optional<Gva> entry_area;  ///< struct cpu_entry_area, mapped for this CPU
  std::optional<Gva> gdt, tss;    ///< where the CPU's GDT and TSS stand in it
  std::vector<InterruptStack> stacks;
  std::optional<Gva> task;  ///< the task_struct that runs on it
  std::optional<std::uint64_t> pid;
  std::optional<std::string> comm;
};

/// The areas of all CPUs that the kernel has set up. Errors: Kernel::per_cpu_offsets's. What a kernel without
/// type information does not tell stays nullopt. `tasks`: with what runs on each, which changes all the time.
Result<Listing<CpuArea>> read_cpu_areas(Kernel& kernel, bool tasks = true);

/// The kernel's number of the vCPU whose registers these are: its TR, GDTR or GS base points into that CPU's
/// area. nullopt: none of them does.
std::optional<unsigned> cpu_of(const std::vector<CpuArea>& areas, const x86::CpuState& vcpu);

}  // namespace ringside::guest::linux
