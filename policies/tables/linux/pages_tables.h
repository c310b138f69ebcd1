// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/tables/table.h"

// Tables about the kernel's own mappings.
namespace ringside::policies {

Table executable_pages_table();
Table page_table_faults_table();
Table vmalloc_areas_table();

}  // namespace ringside::policies
