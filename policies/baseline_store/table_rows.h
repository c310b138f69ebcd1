// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/baseline.h"

#include <cstdint>
#include <map>
#include <string>

namespace SQLite {
class Database;
}

namespace ringside::policies {

/// The tables of the baseline that has the id `baseline`. Both throw SQLite::Exception.
void insert_tables(SQLite::Database& database, std::int64_t baseline,
                   const std::map<std::string, StoredTable>& tables);
/// `malformed`: rows or cells are missing.
Result<std::map<std::string, StoredTable>> load_tables(SQLite::Database& database, std::int64_t baseline);

}  // namespace ringside::policies
