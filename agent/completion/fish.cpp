// SPDX-License-Identifier: Apache-2.0
#include "agent/completion/scripts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ringside::agent {

namespace {

constexpr const char* kHead = R"(# fish completion of ringside, made by `ringside completion fish`.

# The verbs that stand on the line already.
function __ringside_command
    set -l command ''
    for word in (commandline -opc)[2..]
        switch "$command $word"
            case {}
                set command (string trim "$command $word")
        end
    end
    echo $command
end

function __ringside_at
    set -l command (__ringside_command)
    test "$command" = "$argv"
end

complete -c ringside -f
)";

/// In single quotes, in which fish knows \\ and \'.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + '\'';
}

/// Whether words or paths may follow.
std::string value(const ValueHint& hint) {
  std::string out;
  if (!hint.words.empty()) out += " -a " + quoted(fmt::format("{}", fmt::join(hint.words, " ")));
  return (hint.file ? " -F" : "") + out;
}

}  // namespace

std::string fish_completion(const Command& root) {
  const auto commands = all_commands(root);
  std::string paths;
  for (const Command* command : commands)
    if (!command->path.empty())
      paths += (paths.empty() ? "" : " ") +
               quoted(command->path.find(' ') == std::string::npos ? ' ' + command->path : command->path);
  std::string out = fmt::format(fmt::runtime(kHead), paths);
  for (const Command* command : commands) {
    const std::string where = "\ncomplete -c ringside -n " + quoted("__ringside_at " + command->path);
    for (const auto& verb : command->verbs) out += where + " -a " + verb.name + " -d " + quoted(verb.help);
    for (const auto& option : command->options) {
      out += where;
      for (const auto& name : option.names)
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      // -x: a value, and no file for it.
      if (option.takes_value) out += (option.value.file ? " -r" : " -x") + value(option.value);
      out += " -d " + quoted(option.help);
    }
    for (const auto& argument : command->arguments)
      if (const auto what = value(argument.value); !what.empty()) out += where + what;
  }
  return out + '\n';
}

}  // namespace ringside::agent
