// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/e2e/support/rows.h"
#include "tests/lab/oracle.h"

namespace ringside::lab {

/// The log as /dev/kmsg gave it, record by record; later records are left out.
Question dmesg_question(const Oracle& oracle);
/// Every file of /proc/sys that can be read, by name.
Question sysctl_names_question(const Oracle& oracle);
/// The values of those whose value ringside knows; `known` says which those are (SELECT name FROM sysctl
/// WHERE value IS NOT NULL).
Question sysctl_values_question(const Oracle& oracle, const Rows& known);

}  // namespace ringside::lab
