// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/guest_session.h"
#include "policies/engine/diagnostics.h"

#include <memory>
#include <string>
#include <vector>

namespace ringside::agent {

/// Configuration and policies, loaded and checked as a whole.
struct LoadedRules {
  std::shared_ptr<Rules> rules;  ///< null: there are errors
  std::vector<policies::Diagnostic> errors;
  std::vector<std::string> files;  ///< that were read, and directories that were looked into
};
LoadedRules load_rules(const std::string& config_file, bool must_exist);

/// What tells whether one of `files` has changed: names, sizes and times. Directories stand for what is in
/// them.
std::string fingerprint_of(const std::vector<std::string>& files);

}  // namespace ringside::agent
