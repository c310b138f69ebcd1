// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/snapshot.h"
#include "guest/x86/page_tables.h"

#include <optional>

namespace ringside::policies {

/// The entries through which `root` maps the kernel half, without accessed and dirty bits; nullopt where they
/// cannot be read.
std::optional<Bytes> kernel_entries(guest::Snapshot& snapshot, const guest::x86::PagingRoot& root);

/// The root that holds the whole kernel half, given the one a vCPU is on. They differ under Linux's
/// page-table isolation while user code runs: each process then has two roots side by side, the kernel's at
/// an address with bit 12 clear, and 4 KiB above it one for user mode that maps little more of the kernel
/// than its entry code (arch/x86/include/asm/pgtable.h, kernel_to_user_pgdp; arch/x86/mm/pti.c). The
/// neighbour is taken for the kernel's root if, and only if, it maps everywhere in the kernel half where
/// `root` does, and more.
guest::x86::PagingRoot kernel_root(guest::Snapshot& snapshot, const guest::x86::PagingRoot& root);

}  // namespace ringside::policies
