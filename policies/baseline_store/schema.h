// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <string>

namespace SQLite {
class Database;
}

namespace ringside::policies {

/// Makes the tables of a baseline store where there are none, and brings those of an earlier version up to
/// this one. To be called inside a transaction, with foreign keys off. `unsupported`: a newer ringside wrote
/// `path`; `malformed`: it is no baseline store. Throws SQLite::Exception.
Result<void> prepare_schema(SQLite::Database& database, const std::string& path);

}  // namespace ringside::policies
