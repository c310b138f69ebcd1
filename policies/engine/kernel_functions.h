// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

namespace ringside::policies {

struct TableContext;

/// Adds what asks the snapshot that is bound to `context`, which must outlive the connection:
///   symbol(addr)    'name+0x1f [module]'; NULL if nothing that has a name is known there
///   addr(name)      address of 'name', 'name [module]' or 'module:name'; NULL if there is none
///   in_text(addr)   1 if it is code of the kernel, of a live module or of BPF, else 0
///   region(addr)    what part of the address space it lies in, as the columns `region` say: kernel_text, ...
///   read_u64(gva)   the 8 bytes there, through the kernel's page tables; NULL if they cannot be read
///   required(x, why)  x; where it is NULL, the answer is incomplete, and `why` says what is missing
/// All give NULL for NULL. Where they cannot know (no Linux kernel is found, modules or memory cannot be
/// read) they give NULL and tell the query that its answer is incomplete. They read through the snapshot, so
/// what they look at is in the read set of a policy. False if SQLite refuses.
bool register_kernel_functions(sqlite3* db, TableContext& context);

}  // namespace ringside::policies
