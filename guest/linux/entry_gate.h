// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/linux_macro.h"
#include "guest/snapshot.h"
#include "guest/x86/page_tables.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// How the kernel is entered, read off one vCPU: the firm ground that discovery starts from. IDTR, CR0, CR3,
/// CR4 and EFER are the hardware's; a kernel cannot run without them.
struct EntryGate {
  unsigned vcpu = 0;
  x86::PagingRoot root;   ///< maps the whole kernel image, or else the most that could be found
  bool whole = false;     ///< it does: 6 MiB or more around the handler are mapped in one run
  bool isolated = false;  ///< the vCPU was on the smaller root that page-table isolation has for user mode
  Gva page_fault{0};      ///< where vector 14 enters
  Gpa page_fault_gpa{0};
  std::uint64_t mapped_below = 0,
                mapped_above = 0;       ///< bytes around it that are contiguous in both spaces, bounded
  std::vector<std::uint64_t> handlers;  ///< of all present interrupt and trap gates, not sorted, no doubles
  bool early = false;  ///< the gates are those of early boot: equal steps through early_idt_handler_array

  std::uint64_t delta() const {
    return page_fault.value - page_fault_gpa.value;
  }  ///< GVA - GPA inside the image
};

/// Looks at each vCPU until one shows a kernel. Errors: `unavailable` if the guest has not come as far
/// (reset, real mode, firmware, boot loader), with what it is in; `not_mapped` and the like if IDTR leads
/// nowhere.
Result<EntryGate> find_entry_gate(Snapshot& snapshot);

}  // namespace ringside::guest::linux
