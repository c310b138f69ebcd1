// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/policy.h"

#include "policies/engine/shipped.h"
#include "policies/engine/source_files.h"

#include <algorithm>

namespace ringside::policies {

namespace {

/// Joins sets; a name that two policies share is an error at the second.
void join(PolicySet& all, PolicySet more) {
  for (auto& error : more.errors) all.errors.push_back(std::move(error));
  for (auto& policy : more.policies) {
    const auto same = std::find_if(all.policies.begin(), all.policies.end(),
                                   [&](const Policy& p) { return p.name == policy.name; });
    if (same != all.policies.end())
      all.errors.push_back(
          {policy.file, 1, 1, "policy `" + policy.name + "` is also in " + same->file, "", ""});
    else
      all.policies.push_back(std::move(policy));
  }
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::low:
      return "low";
    case Severity::medium:
      return "medium";
    case Severity::high:
      return "high";
    case Severity::critical:
      return "critical";
  }
  return "?";
}

std::string_view to_string(Mode mode) {
  return mode == Mode::enforce ? "enforce" : "observe";
}

std::string_view to_string(Confirm confirm) {
  switch (confirm) {
    case Confirm::second_look:
      return "second-look";
    case Confirm::paused:
      return "paused";
    case Confirm::window:
      return "window";
    case Confirm::none:
      return "none";
  }
  return "?";
}

PolicySet load_policies(const std::vector<std::string>& paths) {
  PolicySet all;
  for (const auto& file : read_source_files(paths, all.errors))
    join(all, load_policy_text(file.file, file.text));
  return all;
}

PolicySet shipped_policies() {
  PolicySet all;
  for (const auto& file : shipped_files())
    join(all, load_policy_text(std::string(file.name), std::string(file.text)));
  return all;
}

}  // namespace ringside::policies
