// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/baseline.h"

namespace ringside::policies {

/// The guest's start-up has had its time: takes into `kept`, the baseline of this boot, what `now`, the state
/// at its end, has of objects that were not there or could not be read when `kept` was taken, and says in
/// BootRecord::start_up what that is:
/// - code of modules, but not where `kept` has other code: that may be what was changed;
/// - rows and cells that are missing in a table that could not be read wholly, and rows of tables whose rows
///   come while a kernel runs. In a table that was read wholly, a new row is a change.
/// - what start-up sets (PortableTable::set_by_start_up), if `kept` has it of this boot: over_reboot() calls
///   no change of it a violation before.
/// All else that `kept` holds stays as it is, so that what was changed meanwhile stays a change. Of a
/// baseline that was carried over, a table that has the same rows at every boot gets no row: one that is new
/// may be new since the boot before. What start-up sets and `kept` has of the boot before is then held
/// against it: where the two differ, they differ over the reboot. Does nothing where start-up was over
/// before. Errors: `mismatch` if they are not of one boot, `unavailable` if `now` lacks the code of the
/// kernel.
Result<void> learn_start_up(Baseline& kept, const Baseline& now);

}  // namespace ringside::policies
