// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/policy.h"

#include <string>

namespace ringside::policies {

/// The query for rows of `table` that `where` selects (empty: all) and for which `expect` is not true. An
/// `expect` that is NULL is not true: what is not known must not pass as clean.
std::string compile_expect(const std::string& table, const std::string& where, const std::string& expect);

/// The query for rows that differ from those of schema `baseline`. Its columns: `change` ("changed", "new" or
/// "gone"), the key, the columns, and the columns of the baseline as "old.NAME".
std::string compile_unchanged(const Unchanged& unchanged);

/// Column 0 of compile_unchanged.
inline constexpr std::string_view kChangeNew = "new", kChangeGone = "gone";

}  // namespace ringside::policies
