// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/tables/table.h"

// Tables of the kernel's code and how it differs from what it should be.
namespace ringside::policies {

Table kernel_text_changes_table();
Table module_text_changes_table();
Table patch_sites_table();
Table text_references_table();

}  // namespace ringside::policies
