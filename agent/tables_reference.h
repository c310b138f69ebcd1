// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/json.h"
#include "agent/output/style.h"
#include "policies/tables/table.h"

#include <string>

namespace ringside::agent {

/// docs/tables.md, from the tables' own definitions.
std::string tables_markdown();

/// What a table is and its columns, for a terminal.
std::string table_description(const policies::Table& table, const Style& style);

/// One table as `tables NAME --json` gives it, and all of them in an array.
Json to_json(const policies::Table& table);
Json tables_json();

}  // namespace ringside::agent
