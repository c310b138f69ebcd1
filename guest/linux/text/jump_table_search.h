// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

namespace ringside::guest::linux {

/// The table of jump labels of a 32-bit kernel, which has no symbols for it: the longest run in its read-only
/// data of entries whose code and target lie in text and whose key lies in data. `not_found` unless one run
/// of at least kFewest stands out; `unsupported` for a kernel of 64 bits.
Result<Range> find_jump_table(Kernel& kernel);

}  // namespace ringside::guest::linux
