// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/style.h"
#include "policies/tables/table.h"

#include <string>

namespace ringside::agent {

/// docs/tables.md, from the tables' own definitions.
std::string tables_markdown();

/// What a table is and its columns, for a terminal.
std::string table_description(const policies::Table& table, const Style& style);

}  // namespace ringside::agent
