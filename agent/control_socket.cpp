// SPDX-License-Identifier: Apache-2.0
#include "agent/control_socket.h"

#include "agent/state_directory.h"

#include <cstdlib>

namespace ringside::agent {

Result<std::string> default_control_socket() {
  if (const char* told = std::getenv("RINGSIDE_CONTROL"); told != nullptr && *told != '\0')
    return std::string(told);
  const auto environment = StateDirectory::Environment::read();
  if (environment.root) return std::string("/run/ringside/control.sock");
  RINGSIDE_TRY(const std::string directory, StateDirectory::locate(environment));
  return directory + "/control.sock";
}

}  // namespace ringside::agent
