// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/syscalls.h"

namespace ringside::guest::linux {

/// Says of each call in `table`, whose functions are read, what it is called and which function is its own,
/// or why that is not known (Syscall::name to Syscall::expected_unknown).
void name_syscalls(Kernel& kernel, SyscallTable& table);

/// One past the highest number of `abi` that this kernel must have, because it has the function of that
/// number. 0 if its numbers are not known, and of a 64-bit kernel: that has functions for 64-bit programs
/// alone (map_shadow_stack of 6.6).
unsigned numbers_at_least(Kernel& kernel, SyscallAbi abi);

}  // namespace ringside::guest::linux
