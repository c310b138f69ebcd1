// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/e2e/support/rows.h"
#include "tests/lab/oracle.h"

#include <vector>

namespace ringside::lab {

/// One question for each file of /proc/net that lists sockets.
std::vector<Question> socket_questions(const Oracle& oracle);

}  // namespace ringside::lab
