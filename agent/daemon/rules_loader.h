// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/guest_session.h"
#include "policies/engine/diagnostics.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

/// Configuration and policies, loaded and checked as a whole.
struct LoadedRules {
  std::shared_ptr<Rules> rules;  ///< null: there are errors
  std::vector<policies::Diagnostic> errors;
  std::vector<std::string> files;  ///< that were read, and directories that were looked into, there or not
  std::vector<std::string>
      notes;  ///< what is no error, and worth a line: a directory in which nothing stands
};
LoadedRules load_rules(const std::string& config_file, bool must_exist);

/// Where the package has policies and exceptions of the operator's own; packaging/ringside.yaml names them.
inline constexpr std::string_view kOwnPolicies = "/etc/ringside/policies.d",
                                  kOwnExceptions = "/etc/ringside/exceptions.d";

/// Those of `paths` that are to be read: without directories that hold no *.yaml file, and without
/// `may_be_missing` while it is not there. Of each of these `notes` gets a line; `what` ("policy") is what is
/// not there then.
std::vector<std::string> without_empty(const std::vector<std::string>& paths, std::string_view may_be_missing,
                                       std::string_view what, std::vector<std::string>& notes);

/// What tells whether one of `files` has changed: names, sizes and times. Directories stand for what is in
/// them.
std::string fingerprint_of(const std::vector<std::string>& files);

}  // namespace ringside::agent
