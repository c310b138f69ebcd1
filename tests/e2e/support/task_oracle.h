// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/e2e/support/rows.h"
#include "tests/lab/oracle.h"

namespace ringside::lab {

/// Left out: kworkers, which come and go on the quietest guest, and what changes while `lab capture` runs.
Question processes_question(const Oracle& oracle);
Question threads_question(const Oracle& oracle);

}  // namespace ringside::lab
