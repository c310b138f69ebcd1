// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/policy.h"

#include <chrono>
#include <vector>

namespace CLI {
class App;
}

namespace ringside::agent {

/// What the command line says of how violations are confirmed.
struct ConfirmOptions {
  std::chrono::milliseconds window{0};  ///< 0: what the policies say
  bool none = false;                    ///< the first look counts
  /// --confirm and --no-confirm.
  void add_to(CLI::App& verb);
  /// Changes the checks of `policies` accordingly.
  void apply(std::vector<policies::Policy>& policies) const;
};

}  // namespace ringside::agent
