// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outcome.h"
#include "agent/shell/completion.h"

#include <string>
#include <vector>

namespace ringside::agent {

class Shell;

/// Runs one line that starts with a dot.
Outcome run_command(Shell& shell, const std::string& line);

/// The commands and the words that can follow them.
std::vector<Vocabulary::Command> command_vocabulary();

}  // namespace ringside::agent
