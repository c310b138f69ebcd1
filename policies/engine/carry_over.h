// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/baseline.h"
#include "policies/engine/boot_record.h"

#include <string>
#include <vector>

namespace ringside::policies {

/// The baseline of this boot: `now`, which was taken at it, with what is portable
/// (policies/tables/portability.h) as it was in `before`, the baseline of an earlier boot of the same kernel
/// build. Addresses are rebased. What is not portable, code included, is as in `now`. Its BootRecord::carried
/// says what was taken over, and what differs between the two boots. Errors: `mismatch` if they are not of
/// one guest and one known build.
Result<Baseline> carry_over(const Baseline& before, Baseline now);

/// Where portable cells of `kept`, a baseline that was carried over, differ from `now`, of the same boot;
/// rows that are new or gone too, where every boot has the same ones.
std::vector<OverReboot> portable_differences(const Baseline& kept, const Baseline& now);

/// After something was accepted into `kept`: differences that are none any more are forgotten.
void forget_accepted(Baseline& kept, const Baseline& now);

}  // namespace ringside::policies
