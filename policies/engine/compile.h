// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/policy.h"
#include "policies/tables/table.h"

#include <string>
#include <vector>

namespace ringside::policies {

/// The query for rows of `table` that `where` selects (empty: all) and for which `expect` is not true. An
/// `expect` that is NULL is not true: what is not known must not pass as clean. Columns that change all the
/// time are left out unless they are among `wanted`: a verdict that does not look at them can stand while
/// they change.
std::string compile_expect(const Table& table, const std::vector<std::string>& wanted,
                           const std::string& where, const std::string& expect);

/// The query for rows that differ from those of schema `baseline`. Its columns: `change` ("changed", "new" or
/// "gone"), the key, the columns, and the columns of the baseline as "old.NAME".
std::string compile_unchanged(const Unchanged& unchanged);

/// Column 0 of compile_unchanged.
inline constexpr std::string_view kChangeNew = "new", kChangeGone = "gone";

}  // namespace ringside::policies
