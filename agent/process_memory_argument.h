// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/kernel.h"
#include "guest/linux/user_memory.h"

#include <cstdint>

namespace ringside::agent {

/// The user memory of process `pid` (in the first pid namespace). `invalid_argument` if there is no such
/// process, or if it is a kernel thread and has none.
Result<guest::linux::ProcessMemory> memory_of_process(guest::linux::Kernel& kernel, std::uint64_t pid);

}  // namespace ringside::agent
