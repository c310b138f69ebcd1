// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/ledger.h"
#include "agent/store/exception_uses.h"
#include "agent/store/finding_store.h"
#include "policies/exceptions/exception_set.h"

#include <chrono>
#include <string>

namespace ringside::agent {

/// What findings about this host itself have as their guest: no guest can be called so.
std::string host_key(const std::string& host);

/// Opens a finding for each exception that has expired, and for each that has matched nothing for
/// `unused_after` (0: never told); resolves those of exceptions that were renewed, used, or are gone. Told
/// once each, over restarts too.
Result<void> tell_exceptions(ExceptionUses& uses, const policies::ExceptionSet& exceptions,
                             std::chrono::milliseconds unused_after, const std::string& host,
                             FindingStore& store, Ledger& ledger, Moment now);

}  // namespace ringside::agent
