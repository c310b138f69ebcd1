// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

namespace ringside::guest::linux {

/// Whether a task is loading or freeing the memory that holds `gva`: on its stack stand both a return address
/// into the kernel's code for that and an address of that memory. A module that is freed is off every list
/// before its memory goes, and a task that gets no CPU stands there for seconds (kernel/module/main.c,
/// free_module). False as well where it cannot be told.
bool module_memory_in_hand(Kernel& kernel, Gva gva);

}  // namespace ringside::guest::linux
