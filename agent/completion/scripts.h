// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/completion/command_tree.h"

#include <string>

namespace ringside::agent {

/// Scripts with which a shell completes the program's command line.
std::string bash_completion(const Command& root);
std::string zsh_completion(const Command& root);
std::string fish_completion(const Command& root);

/// `text` in single quotes, as bash and zsh take it.
std::string shell_quoted(const std::string& text);

}  // namespace ringside::agent
