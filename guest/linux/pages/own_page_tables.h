// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

namespace ringside::guest::linux {

/// The kernel's own page tables (init_top_pgt, of 32-bit kernels swapper_pg_dir), from which every address
/// space has its kernel half. KernelIdentity::root is these on 64-bit kernels only: on others it is that of
/// the process that a vCPU was in, whose highest table is a copy. Errors: `not_found` and what symbol()
/// gives, if the kernel does not tell where they are.
Result<x86::PagingRoot> own_page_tables(Kernel& kernel);

}  // namespace ringside::guest::linux
