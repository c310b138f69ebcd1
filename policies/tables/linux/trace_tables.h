// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/tables/table.h"

// Hook points of tracing, security modules and BPF.
namespace ringside::policies {

Table bpf_links_table();
Table bpf_maps_table();
Table bpf_programs_table();
Table fprobes_table();
Table ftrace_direct_calls_table();
Table ftrace_filters_table();
Table ftrace_ops_table();
Table kprobes_table();
Table livepatches_table();
Table lsm_hooks_table();
Table static_call_keys_table();
Table tracepoints_table();
Table uprobes_table();

}  // namespace ringside::policies
