// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/pages/page_table_faults.h"

namespace ringside::guest::linux {

/// Compares the kernel half of every address space with that of init_top_pgt: of the processes, of those that
/// the kernel keeps for itself (text poking, EFI), and of what the vCPUs are on; under page-table isolation
/// also what user mode sees of it. Problems: what could not be read.
Listing<PageTableFault> differing_kernel_halves(Kernel& kernel);

/// Entries of init_top_pgt that map user addresses: there are none.
Listing<PageTableFault> mapped_user_half(Kernel& kernel);

}  // namespace ringside::guest::linux
