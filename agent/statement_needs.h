// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outcome.h"
#include "guest/live/live_guest.h"
#include "policies/engine/database.h"

#include <string>

namespace ringside::agent {

/// The statement with a caret under the place that is wrong, as the hint of a usage error.
Failure bad_sql(const std::string& sql, const policies::Database::SqlError& error);

/// MSRs cost a stop of the guest where they are not calibrated: they are read only for the tables that hold
/// them.
guest::live::MsrSource needed_msrs(const policies::StatementInfo& info, guest::live::MsrSource wanted);

}  // namespace ringside::agent
