// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <vector>

namespace ringside::guest::linux {

/// The kernel is about to free, or frees, what modules needed for their init only. A module gives that memory
/// up when its init is done, and a work item frees it after all CPUs have let go of it (kernel/module/main.c,
/// do_free_init): meanwhile it belongs to no module. True as well where that cannot be told.
bool frees_init_memory(Kernel& kernel);

/// The work item is at it: it has taken memory from the list, and while it runs, what it has not freed yet
/// may be in no place that can be read at one moment.
bool frees_init_memory_now(Kernel& kernel);

/// What of that is still to be freed: each struct mod_initfree that waits in init_free_list, or that the work
/// item has taken from there and holds on its stack while it waits for all CPUs.
std::vector<Gva> init_memory_to_free(Kernel& kernel);

}  // namespace ringside::guest::linux
