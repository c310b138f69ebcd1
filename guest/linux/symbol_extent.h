// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>

namespace ringside::guest::linux {

/// Bytes from `start` to the next symbol of the kernel image above it; `most` if it is further or there is
/// none. What a function or variable at `start` can at most take.
std::uint64_t bytes_to_next_symbol(const Kernel& kernel, Gva start, std::uint64_t most);

}  // namespace ringside::guest::linux
