// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/symbol_table.h"

#include <memory>
#include <vector>

namespace ringside::guest::linux {

/// Symbols that stand elsewhere than in a kernel's memory, as the table that kallsyms is: for kernels that
/// name their functions alone. Takes them in any order. Those whose names are no ASCII, or as long as the
/// kernel takes none, are left out, and with 64 bits those further than 2 GiB from the first address that is
/// not that of a per-CPU variable. Errors: `oversized`, `invalid_argument` (none is left).
Result<std::shared_ptr<const SymbolTable>> encode_symbols(std::vector<Symbol> symbols, unsigned bits);

}  // namespace ringside::guest::linux
