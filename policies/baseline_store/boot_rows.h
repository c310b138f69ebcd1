// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/boot_record.h"

#include <cstdint>
#include <memory>
#include <string>

namespace SQLite {
class Database;
}

namespace ringside::policies {

/// Which boot the baseline with the id `baseline` is of. Both throw SQLite::Exception.
void insert_boot(SQLite::Database& database, std::int64_t baseline, const BootRecord& boot);
/// `build` is kept with the baseline itself. nullptr: it was stored by a version that did not say.
std::shared_ptr<const BootRecord> load_boot(SQLite::Database& database, std::int64_t baseline,
                                            const std::string& build);

}  // namespace ringside::policies
