// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/json.h"
#include "policies/engine/baseline.h"
#include "policies/engine/policy.h"

namespace ringside::agent {

/// `before` with what one violation of `check` is about as it stands in `now`, and nothing else: the
/// baseline's rows that the violating `row` (column to JSON cell) names by the columns that tell one row from
/// another, or the code at its `gva`. Errors: `invalid_argument` if the check compares with no baseline,
/// `mismatch` if the row names nothing that a baseline holds, or both baselines are not of one boot of one
/// guest.
Result<policies::Baseline> accept_into(policies::Baseline before, const policies::Baseline& now,
                                       const policies::Check& check, const Json& row);

}  // namespace ringside::agent
