// SPDX-License-Identifier: Apache-2.0
#include "agent/completion/scripts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

namespace ringside::agent {

namespace {

constexpr const char* kHead = R"(# bash completion of ringside, made by `ringside completion bash`.

# Offers the words of $1 and, if $2 is not empty, paths.
_ringside_offer() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"; [[ -z $2 ]] || compgen -f -- "$cur")
  [[ -z $2 ]] || compopt -o filenames 2>/dev/null
}

_ringside() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' i
  # bash splits --option=value at the sign.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $prev == '=' ]] && ((COMP_CWORD > 1)); then
    prev=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command ${COMP_WORDS[i]}" in
)";

/// "'a' | 'b'", over several lines where it is long.
std::string alternatives(const std::vector<std::string>& patterns) {
  std::string out;
  std::size_t width = 0;
  for (const auto& pattern : patterns) {
    const std::string quoted = shell_quoted(pattern);
    if (!out.empty()) out += " |";
    if (width + quoted.size() > 100) {
      out += "\\\n     ";
      width = 0;
    }
    out += ' ' + quoted;
    width += quoted.size() + 3;
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

/// What is offered (words, then whether paths too) and after which "command option" pairs.
using Offers = std::map<std::pair<std::string, bool>, std::vector<std::string>>;

Offers offers_of_values(const std::vector<const Command*>& commands) {
  Offers offers;
  for (const Command* command : commands)
    for (const auto& option : command->options)
      if (option.takes_value)
        for (const auto& name : option.names)
          offers[{joined(option.value.words), option.value.file}].push_back(command->path + ' ' + name);
  return offers;
}

std::string offer(const std::string& words, bool files) {
  return fmt::format("_ringside_offer {} {}", shell_quoted(words), files ? "paths" : "''");
}

}  // namespace

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

std::string bash_completion(const Command& root) {
  const auto commands = all_commands(root);
  std::string out = kHead;
  std::vector<std::string> paths;
  for (const Command* command : commands)
    if (!command->path.empty())
      paths.push_back(command->path.find(' ') == std::string::npos ? ' ' + command->path : command->path);
  out += "     " + alternatives(paths) +
         ")\n        command=\"${command:+$command }${COMP_WORDS[i]}\" ;;\n    esac\n  done\n";
  out += "  case \"$command $prev\" in\n";
  for (const auto& [what, where] : offers_of_values(commands))
    out += fmt::format("   {})\n      {}\n      return ;;\n", alternatives(where),
                       offer(what.first, what.second));
  out += "  esac\n  case \"$command\" in\n";
  for (const Command* command : commands) {
    std::vector<std::string> options, words;
    for (const auto& option : command->options)
      for (const auto& name : option.names)
        if (name.starts_with("--")) options.push_back(name);
    for (const auto& verb : command->verbs) words.push_back(verb.name);
    bool files = false;
    for (const auto& argument : command->arguments) {
      words.insert(words.end(), argument.value.words.begin(), argument.value.words.end());
      files = files || argument.value.file;
    }
    out += fmt::format(
        "    {})\n      if [[ $cur == -* ]]; then\n        {}\n      else\n        {}\n      fi ;;\n",
        shell_quoted(command->path), offer(joined(options), false), offer(joined(words), files));
  }
  return out + "  esac\n}\n\ncomplete -F _ringside ringside\n";
}

}  // namespace ringside::agent
