// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/text/site_collector.h"

namespace ringside::guest::linux {

/// LOCK prefixes that a kernel on one CPU made DS prefixes, to make them LOCK again when a second CPU starts
/// (arch/x86/kernel/alternative.c, smp_alt_modules). A kernel that starts on several frees the table.
void add_lock_prefixes(SiteCollector& sites);

}  // namespace ringside::guest::linux
