// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/tables/table.h"

// Tables of the pointers by which Linux's subsystems decide what code to run. One row a pointer.
namespace ringside::policies {

Table notifiers_table();

Table netfilter_hooks_table();
Table packet_handlers_table();
Table network_protocols_table();
Table device_operations_table();
Table socket_operations_table();

Table proc_entries_table();
Table sequence_operations_table();
Table file_operations_table();
Table file_systems_table();
Table operation_functions_table();
Table binary_formats_table();
Table character_devices_table();

Table line_disciplines_table();
Table tty_drivers_table();
Table input_handlers_table();
Table sysrq_keys_table();

Table timers_table();
Table work_items_table();
Table softirqs_table();
Table interrupt_handlers_table();
Table kernel_threads_table();
Table kernel_callbacks_table();

Table sysctl_handlers_table();
Table kernel_settings_table();

}  // namespace ringside::policies
