// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/text_table.h"
#include "policies/engine/database.h"
#include "policies/tables/table.h"

#include <string>
#include <vector>

namespace ringside::agent {

/// A cell for people: addresses in hex, booleans yes or no, NULL "-".
std::string text_cell(const policies::Value& value, policies::ColumnType type);

/// A query's rows, numbers aligned right.
TextTable text_table(const std::vector<policies::QueryColumn>& columns,
                     const std::vector<std::vector<policies::Value>>& rows);

}  // namespace ringside::agent
