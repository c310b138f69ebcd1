// SPDX-License-Identifier: Apache-2.0
#include "agent/manual/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace ringside::agent {

namespace {

using manual::plain;

/// An option that at least so many verbs have is explained once.
constexpr std::size_t kCommon = 8;

std::string term(const CommandOption& option) {
  std::string out;
  // The short name first, as manuals have it.
  for (auto name = option.names.rbegin(); name != option.names.rend(); ++name)
    out += (out.empty() ? "**" : ", **") + plain(*name) + "**";
  if (option.takes_value && !option.value.name.empty() && option.names.front().starts_with('-'))
    out += " *" + plain(option.value.name) + '*';
  return out;
}

std::string definition(const CommandOption& option) {
  return fmt::format("{}\n:   {}\n\n", term(option), option.help.empty() ? "\\ " : plain(option.help));
}

std::string identity(const CommandOption& option) {
  return definition(option);
}

std::string verb_section(const Command& command, const std::map<std::string, std::size_t>& uses) {
  std::string line = "## ringside " + command.path;
  for (const auto& argument : command.arguments) line += " *" + plain(argument.names.front()) + '*';
  std::string out = line + "\n\n" + plain(command.help) + ".\n\n";
  for (const auto& argument : command.arguments) out += definition(argument);
  for (const auto& option : command.options)
    if (uses.at(identity(option)) < kCommon) out += definition(option);
  if (!command.footer.empty()) {
    const auto begin = command.footer.find('\n');
    out += "Example:\n\n";
    for (const auto& example :
         manual::lines_of(command.footer.substr(begin == std::string::npos ? 0 : begin + 1)))
      out += "    " + example.substr(std::min(example.find_first_not_of(' '), example.size())) + '\n';
    out += '\n';
  }
  return out;
}

}  // namespace

std::string manual_of_verbs(const ManualPage& page, const Command& root, const std::string& text) {
  std::map<std::string, std::size_t> uses;
  std::map<std::string, const CommandOption*> options;
  const auto commands = all_commands(root);
  for (const Command* command : commands)
    for (const auto& option : command->options) {
      ++uses[identity(option)];
      options[identity(option)] = &option;
    }
  std::string out =
      manual::head(page) + "# SYNOPSIS\n\n**ringside** *VERB* \\[*OPTIONS*\\] \\[*TARGET*\\] ...\n\n";
  out += "# DESCRIPTION\n\n" + plain(root.help) + "\n\n";
  for (const auto& option : root.options)
    if (uses.at(identity(option)) < kCommon) out += definition(option);
  out += "# VERBS\n\n";
  for (const Command* command : commands)
    if (!command->path.empty()) out += verb_section(*command, uses);
  out += "# COMMON OPTIONS\n\nOf many verbs; `ringside VERB --help` says of which.\n\n";
  for (const auto& [text_of, option] : options)
    if (uses.at(text_of) >= kCommon) out += text_of;
  const std::string sections = manual::sections_of(text);
  const auto first = sections.find("\n# ");
  return out + (first == sections.npos ? "" : sections.substr(first)) + manual::see_also(page);
}

}  // namespace ringside::agent
