// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/whereabouts.h"

namespace ringside::agent {

std::optional<std::string> guest_is_elsewhere(std::string_view run_state) {
  if (run_state == "inmigrate") return "it waits for its state to arrive (migration or restore)";
  if (run_state == "postmigrate") return "it was migrated or saved; what is left here does not run";
  return std::nullopt;
}

}  // namespace ringside::agent
