// SPDX-License-Identifier: Apache-2.0
#include "agent/completion/scripts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace ringside::agent {

namespace {

/// `text` with a backslash before each of `marks`.
std::string escaped(const std::string& text, std::string_view marks) {
  std::string out;
  for (const char c : text) {
    if (marks.find(c) != marks.npos) out += '\\';
    out += c;
  }
  return out;
}

std::string function_of(const Command& command) {
  std::string name = "_ringside";
  if (!command.path.empty()) name += '_' + command.path;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

/// The part of a specification of _arguments that says what a value may be: ":WAY:(auto mapped)".
std::string action(const ValueHint& value) {
  std::string what = " ";
  if (!value.words.empty() && value.file)
    what = fmt::format("_alternative \"words:word:({})\" \"files:file:_files\"", fmt::join(value.words, " "));
  else if (!value.words.empty())
    what = fmt::format("({})", fmt::join(value.words, " "));
  else if (value.file)
    what = "_files";
  if (what.starts_with("_alternative")) {
    // Colons of the inner specification would end the outer one.
    what = "{" + what + "}";
  }
  return fmt::format(":{}:{}", escaped(value.name, ":\\"), what);
}

std::string specification(const CommandOption& option) {
  std::string out;
  for (const auto& name : option.names) {
    std::string text = name;
    if (option.takes_value) text += name.starts_with("--") ? "=" : "+";
    text += '[' + escaped(option.help, "[]\\") + ']';
    if (option.takes_value) text += action(option.value);
    out += " \\\n    " + shell_quoted(text);
  }
  return out;
}

std::string function(const Command& command) {
  std::string out = function_of(command) + "() {\n";
  if (!command.verbs.empty()) out += "  local curcontext=$curcontext state line\n  typeset -A opt_args\n";
  out += "  _arguments -C -s -S";
  for (const auto& option : command.options) out += specification(option);
  if (!command.verbs.empty()) {
    out +=
        " \\\n    '1: :->verb' \\\n    '*:: :->rest'\n  case $state in\n    verb)\n      local -a verbs=(\n";
    for (const auto& verb : command.verbs)
      out += "        " + shell_quoted(verb.name + ':' + escaped(verb.help, "\\")) + '\n';
    out += "      )\n      _describe -t verbs verb verbs ;;\n    rest)\n      case $words[1] in\n";
    for (const auto& verb : command.verbs)
      out += fmt::format("        {}) {} ;;\n", verb.name, function_of(verb));
    return out + "      esac ;;\n  esac\n}\n\n";
  }
  for (std::size_t i = 0; i < command.arguments.size(); ++i) {
    const bool last = i + 1 == command.arguments.size();
    out +=
        " \\\n    " + shell_quoted((last ? "*" : std::to_string(i + 1)) + action(command.arguments[i].value));
  }
  return out + "\n}\n\n";
}

}  // namespace

std::string zsh_completion(const Command& root) {
  std::string out = "#compdef ringside\n# zsh completion of ringside, made by `ringside completion zsh`.\n\n";
  for (const Command* command : all_commands(root)) out += function(*command);
  // Loaded by compinit from a folder of $fpath, or read by `source`.
  return out +
         "if [[ $funcstack[1] == _ringside ]]; then\n  _ringside \"$@\"\nelse\n  compdef _ringside "
         "ringside\nfi\n";
}

}  // namespace ringside::agent
