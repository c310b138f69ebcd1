// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <string>

namespace ringside::agent {

/// Where the agent's control socket is if nobody says otherwise: $RINGSIDE_CONTROL, else
/// /run/ringside/control.sock for root, else control.sock in the state directory.
Result<std::string> default_control_socket();

}  // namespace ringside::agent
