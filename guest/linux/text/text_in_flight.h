// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <vector>

namespace ringside::guest::linux {

/// Addresses that the kernel is patching at this moment: a breakpoint stands at each until all CPUs have seen
/// it (arch/x86/kernel/alternative.c, text_poke_bp_batch). Sorted; empty while its descriptor is not in use,
/// whose contents go stale then. Errors: this kernel does not tell.
Result<std::vector<Gva>> text_in_flight(Kernel& kernel);

}  // namespace ringside::guest::linux
