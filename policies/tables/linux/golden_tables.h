// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/tables/table.h"

// Tables that compare a guest with what its vendor shipped.
namespace ringside::policies {

Table kernel_rodata_changes_table();
Table module_rodata_changes_table();

}  // namespace ringside::policies
