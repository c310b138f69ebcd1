// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/tables/table.h"

#include <string>

namespace ringside::agent {

/// docs/tables.md, from the tables' own definitions.
std::string tables_markdown();

}  // namespace ringside::agent
