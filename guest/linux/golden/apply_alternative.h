// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/boot_facts.h"
#include "guest/linux/golden/boot_places.h"

#include <vector>

namespace ringside::guest::linux {

/// What stands at an alternative's instruction once `replacement`, its replacement's code, was put there: one
/// form for each way in which kernels from 5.10 on do it (arch/x86/kernel/alternative.c, apply_alternatives).
/// Addresses are those of the guest. `original`: the code that was there.
std::vector<Bytes> applied(BootFacts& facts, const Alternative& alternative, ByteView replacement,
                           ByteView original);

/// What `code` becomes whose alternative was not chosen: as it is, and with its NOPs made fewer and longer,
/// in each way (optimize_nops). Found out once: the same few pieces of code stand in thousands of places.
const std::vector<Bytes>& optimized(BootFacts& facts, const Bytes& code);

}  // namespace ringside::guest::linux
