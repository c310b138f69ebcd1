// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/site_collector.h"

namespace ringside::guest::linux {

/// Entries of functions that may be traced (kernel/trace/ftrace.c, ftrace_pages_start): a call of what its
/// record's flags say, else a NOP. Those of modules are in the same records.
void add_ftrace_sites(SiteCollector& sites);

/// The calls in ftrace's own entry code that are patched to go to whoever traces: ftrace_call,
/// ftrace_regs_call, ftrace_graph_call.
void add_ftrace_labels(SiteCollector& sites);

}  // namespace ringside::guest::linux
