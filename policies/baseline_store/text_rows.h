// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/baseline.h"

#include <cstdint>

namespace SQLite {
class Database;
}

namespace ringside::policies {

/// The code that `from` keeps, for the baseline with the id `baseline`. Both throw SQLite::Exception.
Result<void> insert_text(SQLite::Database& database, std::int64_t baseline, const Baseline& from);
/// `malformed`: it is not what was stored, or too large.
Result<void> load_text(SQLite::Database& database, std::int64_t baseline, Baseline& into);

}  // namespace ringside::policies
