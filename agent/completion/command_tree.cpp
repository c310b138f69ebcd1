// SPDX-License-Identifier: Apache-2.0
#include "agent/completion/command_tree.h"

#include "policies/engine/policy.h"
#include "policies/tables/table.h"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace ringside::agent {

namespace {

/// Loaded once: it takes a moment.
const std::vector<std::string>& policy_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const auto& policy : policies::shipped_policies().policies) names.push_back(policy.name);
    return names;
  }();
  return kNames;
}

std::vector<std::string> table_names() {
  std::vector<std::string> names;
  for (const auto& table : policies::tables()) names.emplace_back(table.name);
  return names;
}

/// What CLI::IsMember and its kin show of themselves: "{low,high}", "{low->1,high->2}".
std::vector<std::string> members(std::string_view shown) {
  std::vector<std::string> words;
  const auto open = shown.find('{'), close = shown.find('}');
  if (open == shown.npos || close == shown.npos || close < open) return words;
  shown = shown.substr(open + 1, close - open - 1);
  while (!shown.empty()) {
    const auto comma = std::min(shown.find(','), shown.size());
    const std::string_view word = shown.substr(0, comma);
    words.emplace_back(word.substr(0, word.find("->")));
    shown.remove_prefix(std::min(comma + 1, shown.size()));
  }
  return words;
}

ValueHint hint_of(const CLI::Option& option, const std::string& verb) {
  const std::string type = option.get_type_name();
  ValueHint hint;
  const bool positional = option.get_positional();
  // CLI11 shows a validator behind the type's own name.
  hint.name = positional ? option.get_name() : type.substr(0, type.find(':'));
  hint.words = members(type);
  const std::string option_name = option.get_name();
  if (option_name == "--color")
    hint.words = {"auto", "always", "never"};
  else if (option_name == "--memory")
    hint.words = {"auto", "mapped", "process", "qmp", "gdbstub"};
  else if (option_name == "--msrs")
    hint.words = {"auto", "calibrated", "vmstate", "none"};
  else if (option_name == "--policy" || hint.name == "POLICY")
    hint.words = policy_names();
  else if (verb == "tables" && positional)
    hint.words = table_names();
  for (const char* const path : {"FILE", "PATH", "TARGET", "SOCKET", "SNAPSHOT", "POLICY"})
    hint.file = hint.file || hint.name.find(path) != std::string::npos;
  return hint;
}

Command read(const CLI::App& app, const std::string& above) {
  Command command;
  command.name = app.get_name();
  command.path = above.empty() ? command.name : above + ' ' + command.name;
  command.help = app.get_description();
  command.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    CommandOption one;
    one.help = option->get_description();
    one.takes_value = option->get_items_expected_max() > 0;
    if (one.takes_value) one.value = hint_of(*option, command.name);
    for (const auto& name : option->get_lnames()) one.names.push_back("--" + name);
    for (const auto& name : option->get_snames()) one.names.push_back('-' + name);
    if (one.names.empty()) {
      one.names.push_back(option->get_name());
      command.arguments.push_back(std::move(one));
    } else {
      command.options.push_back(std::move(one));
    }
  }
  return command;
}

void read_verbs(const CLI::App& app, Command& command, const std::string& above) {
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (verb->get_group().empty()) continue;
    command.verbs.push_back(read(*verb, above));
    read_verbs(*verb, command.verbs.back(), command.verbs.back().path);
  }
}

void collect(const Command& command, std::vector<const Command*>& all) {
  all.push_back(&command);
  for (const auto& verb : command.verbs) collect(verb, all);
}

}  // namespace

Command command_tree(const CLI::App& app) {
  Command root = read(app, "");
  root.path.clear();
  read_verbs(app, root, "");
  return root;
}

std::vector<const Command*> all_commands(const Command& root) {
  std::vector<const Command*> all;
  collect(root, all);
  return all;
}

}  // namespace ringside::agent
