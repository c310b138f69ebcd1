// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/e2e/support/rows.h"
#include "tests/lab/oracle.h"

namespace ringside::lab {

/// /proc/PID/fd and /proc/PID/maps of every process but those that work while `lab capture` looks: itself and
/// the shell that waits for it.
Question open_files_question(const Oracle& oracle);
Question maps_question(const Oracle& oracle);
/// /proc/PID/mountinfo, once for each mount namespace that a process of user mode lives in.
Question mounts_question(const Oracle& oracle);

}  // namespace ringside::lab
