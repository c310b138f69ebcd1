// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/agent_event.h"

#include <string>

namespace ringside::agent {

/// Who tells: what every message to an output carries.
struct Origin {
  std::string hostname;  ///< of the hypervisor
  std::string version;   ///< ringside's
  static Origin here();
};

/// 64 hexadecimal digits, the same whenever the same event is told again: receivers can tell repetitions.
std::string event_uid(const AgentEvent& event);

}  // namespace ringside::agent
