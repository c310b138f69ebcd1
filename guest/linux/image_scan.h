// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/entry_gate.h"
#include "guest/linux/symbol_table.h"

#include <memory>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// Searches the kernel image around the page-fault handler, which is contiguous in guest-physical memory, for
/// kallsyms. Bounded: 96 MiB above, 48 MiB below, and 32 places that look like it. `steps` gets a line for
/// each place that was looked at. `unsupported` if there is none: no Linux, or one without kallsyms.
Result<std::shared_ptr<const SymbolTable>> find_symbols(Snapshot& snapshot, const EntryGate& gate,
                                                        std::vector<std::string>& steps);

}  // namespace ringside::guest::linux
