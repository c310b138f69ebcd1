// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/json.h"
#include "base/error.h"
#include "guest/snapshot.h"

#include <string>

namespace ringside::agent {

/// Answers a query about a guest that is watched: `columns`, `rows` and what is `incomplete`, cut at 10,000
/// rows. `invalid_argument`: the statement cannot be understood.
Result<Json> answer_query(guest::Snapshot& snapshot, const std::string& sql);

}  // namespace ringside::agent
