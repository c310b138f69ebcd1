// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/confirm_options.h"

#include "agent/options.h"

#include <CLI/CLI.hpp>

namespace ringside::agent {

void ConfirmOptions::add_to(CLI::App& verb) {
  auto* length = add_duration(verb, "--confirm", window,
                              "How long what a Linux check finds must stay the same before it counts (5s)");
  verb.add_flag("--no-confirm", none, "Let the first look count; a guest at work will show false alarms")
      ->excludes(length);
}

void ConfirmOptions::apply(std::vector<policies::Policy>& policies) const {
  for (auto& policy : policies) {
    for (auto& check : policy.checks) {
      if (none) check.confirm = policies::Confirm::none;
      if (window.count() > 0 && check.confirm == policies::Confirm::window) check.window.length = window;
    }
  }
}

}  // namespace ringside::agent
