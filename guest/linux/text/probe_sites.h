// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/site_collector.h"

namespace ringside::guest::linux {

/// Armed kprobes (kernel/kprobes.c, kprobe_table): a breakpoint, or the jump that an optimised one is. Those
/// at the entry of a traced function are ftrace's business.
void add_kprobes(SiteCollector& sites);

/// Breakpoints of kgdb that are set (kernel/debug/debug_core.c, kgdb_break).
void add_kgdb_breakpoints(SiteCollector& sites);

}  // namespace ringside::guest::linux
