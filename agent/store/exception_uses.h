// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/findings.h"
#include "agent/store/state_database.h"
#include "base/error.h"
#include "policies/exceptions/exception_set.h"

#include <map>
#include <set>
#include <string>

namespace ringside::agent {

/// Which exceptions have matched something, and since when those that have not have been there: over
/// restarts.
class ExceptionUses {
 public:
  explicit ExceptionUses(StateDatabase& database) : database_(database) {}

  /// Ids of those that have ever matched, as of the last note().
  Result<std::set<std::string>> used();
  /// Keeps which of `exceptions` are there and used, and forgets all others: one that comes back begins anew.
  /// Gives those that are unused, with the moment at which they were first seen.
  Result<std::map<std::string, Moment>> note(const policies::ExceptionSet& exceptions, Moment now);

 private:
  StateDatabase& database_;
};

}  // namespace ringside::agent
