// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

namespace ringside::policies {

/// Adds what SQL lacks for addresses:
///   hex(x)                      '0x1f' for an integer; for anything else what SQLite's own hex() gives
///   hex_address(x)              '0x' and 16 hexadecimal digits; NULL for NULL
///   unsigned_less(a, b)         a < b as unsigned 64-bit numbers
///   is_kernel_address(x, mode)  x lies in the kernel half in paging mode '4-level', 'pae', ...; NULL without
///   paging
/// False if SQLite refuses.
bool register_functions(sqlite3* db);

}  // namespace ringside::policies
