// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/e2e/support/rows.h"
#include "tests/lab/oracle.h"

namespace ringside::lab {

/// /proc/kallsyms, with the symbols of modules and of code made at run time.
Question symbols_question(const Oracle& oracle);
/// /proc/modules with what /sys/module says of each.
Question modules_question(const Oracle& oracle);
/// /sys/module/*/sections.
Question module_sections_question(const Oracle& oracle);
/// /sys/module/*/parameters, those whose value ringside knows; `known`: SELECT module || ' ' || name of them.
Question module_parameters_question(const Oracle& oracle, const Rows& known);

}  // namespace ringside::lab
