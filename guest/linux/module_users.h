// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/modules.h"

namespace ringside::guest::linux {

/// Fills Module::used_by of every entry: the modules in its source_list (struct module_use,
/// include/linux/module.h).
void take_users(Kernel& kernel, Listing<Module>& listing);

}  // namespace ringside::guest::linux
