// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ringside::agent {

/// What may stand as the value of an option, or as an argument.
struct ValueHint {
  std::string name;                ///< "FILE", "WAY"
  std::vector<std::string> words;  ///< that it can be
  bool file = false;               ///< or a path
};

struct CommandOption {
  std::vector<std::string> names;  ///< with dashes, long ones first
  std::string help;
  bool takes_value = false;
  ValueHint value;
};

struct Command {
  std::string path;  ///< "baseline save"; empty: the program itself
  std::string name;
  std::string help;
  std::string footer;  ///< examples
  std::vector<CommandOption> options;
  std::vector<CommandOption> arguments;  ///< positionals; `names` holds one
  std::vector<Command> verbs;
};

/// The command line as data: what completion and the manual are made of.
Command command_tree(const CLI::App& app);

/// `root` and all below it, each before its verbs.
std::vector<const Command*> all_commands(const Command& root);

}  // namespace ringside::agent
