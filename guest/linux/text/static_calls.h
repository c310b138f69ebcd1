// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/site_collector.h"

namespace ringside::guest::linux {

/// Static calls (include/linux/static_call.h, arch/x86/kernel/static_call.c) of the image and of modules:
/// each call that was made direct, and the trampoline of each key, go where the key's func says.
void add_static_calls(SiteCollector& sites);

}  // namespace ringside::guest::linux
