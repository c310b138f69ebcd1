// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/baseline.h"
#include "policies/engine/database.h"
#include "policies/engine/policy.h"

#include <string>
#include <vector>

namespace ringside::policies {

/// What a baseline that was carried over from an earlier boot, or that is older than the guest's start-up,
/// says of one violating row.
struct RebootWords {
  /// The guest's start-up may still set it: no violation yet, and `words` is why the check is unknown.
  bool waits = false;
  /// What is added to the message: that it changed over a reboot; empty: it did not.
  std::string words{};
};

/// `baseline`: nullptr, or the one that the row was compared with. `columns` and `row` are of the check's
/// query.
RebootWords over_reboot(const Baseline* baseline, const Check& check, const std::vector<QueryColumn>& columns,
                        const std::vector<Value>& row);

}  // namespace ringside::policies
