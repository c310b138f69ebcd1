// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <optional>

namespace ringside::guest::linux {

/// Whether a task is loading or freeing the memory that holds `gva`: on its stack stand both a return address
/// into the kernel's code for that, and an address of that memory or of the struct module that has it. A
/// module that is freed counts as unformed first, waits for the lock of the kernel's code, and is off every
/// list before its memory goes; a task that gets no CPU stands there for seconds (kernel/module/main.c,
/// free_module). Its init's memory, and from Linux 6.4 on its text, lie elsewhere than its struct module.
/// nullopt: not all tasks could be listed.
std::optional<bool> module_memory_in_hand(Kernel& kernel, Gva gva);

}  // namespace ringside::guest::linux
