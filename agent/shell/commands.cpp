// SPDX-License-Identifier: Apache-2.0
#include "agent/shell/commands.h"

#include "agent/output/text_table.h"
#include "agent/shell/shell.h"
#include "agent/tables_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <sstream>

namespace ringside::agent {

namespace {

struct Command {
  std::string_view name, arguments, help;
  std::vector<std::string> words;  ///< that can follow
  bool takes_table;
  Outcome (*run)(Shell& shell, const std::string& argument);
};

const std::vector<Command>& commands();

Outcome wrong(std::string_view name) {
  for (const auto& command : commands())
    if (command.name == name)
      return fail(Failure({Errc::invalid_argument, fmt::format("{}: bad argument", name),
                           fmt::format("{} {}", name, command.arguments)},
                          Exit::usage));
  return fail(Failure({Errc::invalid_argument, std::string(name)}, Exit::usage));
}

Outcome help(Shell& shell, const std::string&) {
  TextTable table({{"COMMAND"}, {"WHAT IT DOES"}});
  for (const auto& command : commands())
    table.add({fmt::format("{} {}", command.name, command.arguments), std::string(command.help)});
  shell.context().out
      << "A statement of SQL ends with a semicolon and may take several lines. Only reading is "
         "allowed.\n"
         "Each statement sees a snapshot of its own, taken when it starts, so all of one "
         "statement is of\n"
         "one moment; after .refresh off all statements see the same one, until .refresh takes "
         "another.\n"
         "A snapshot file is always the same. Ctrl-C gives up the line or the query, Ctrl-D "
         "leaves.\n\n"
      << table.render(shell.context().style());
  return Exit::clean;
}

Outcome list_tables(Shell& shell, const std::string& pattern) {
  for (const auto& table : policies::tables())
    if (table.name.find(pattern) != std::string_view::npos) shell.context().out << table.name << '\n';
  return Exit::clean;
}

Outcome schema(Shell& shell, const std::string& name) {
  auto& out = shell.context().out;
  if (!name.empty()) {
    const auto* table = policies::find_table(name);
    if (table == nullptr)
      return fail(
          Failure({Errc::not_found, fmt::format("there is no table \"{}\"", name), ".tables lists them"}));
    out << table_description(*table, shell.context().style())
        << fmt::format("\nExample:\n  {};\n", table->example);
    return Exit::clean;
  }
  for (const auto& table : policies::tables()) {
    std::string columns;
    for (const auto& column : table.columns)
      columns += (columns.empty() ? "" : ", ") + std::string(column.name);
    out << fmt::format("{}({})\n", shell.context().style().bold(table.name), columns);
  }
  return Exit::clean;
}

Outcome mode(Shell& shell, const std::string& name) {
  if (name.empty()) {
    shell.context().out << to_string(shell.settings.mode) << '\n';
    return Exit::clean;
  }
  const auto chosen = parse_answer_mode(name);
  if (!chosen) return wrong(".mode");
  shell.settings.mode = *chosen;
  return Exit::clean;
}

std::optional<bool> on_or_off(const std::string& text) {
  if (text == "on") return true;
  if (text == "off") return false;
  return std::nullopt;
}

Outcome refresh(Shell& shell, const std::string& argument) {
  if (!shell.live()) {
    shell.context().err << "this is a snapshot file: it does not change\n";
    return Exit::clean;
  }
  if (!argument.empty()) {
    const auto automatic = on_or_off(argument);
    if (!automatic) return wrong(".refresh");
    shell.settings.refresh = *automatic;
  }
  shell.forget_snapshot();
  return Exit::clean;
}

Outcome timer(Shell& shell, const std::string& argument) {
  const auto on = argument.empty() ? std::optional(!shell.settings.timer) : on_or_off(argument);
  if (!on) return wrong(".timer");
  shell.settings.timer = *on;
  return Exit::clean;
}

Outcome read(Shell& shell, const std::string& path) {
  return path.empty() ? wrong(".read") : shell.run_file(path);
}

Outcome quit(Shell& shell, const std::string&) {
  shell.quit();
  return Exit::clean;
}

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {".help", "", "Shows this", {}, false, help},
      {".tables", "[TEXT]", "Names the tables, or those with TEXT in their names", {}, true, list_tables},
      {".schema",
       "[TABLE]",
       "Shows the columns of all tables, or what those of TABLE mean",
       {},
       true,
       schema},
      {".mode", "[table|json|csv]", "How answers are written", {"table", "json", "csv"}, false, mode},
      {".refresh",
       "[on|off]",
       "Takes a new snapshot; off: all statements see the same one; on (as at the start): "
       "each its own",
       {"on", "off"},
       false,
       refresh},
      {".timer", "[on|off]", "Says how long the snapshot and the query took", {"on", "off"}, false, timer},
      {".read", "FILE", "Runs the statements and commands in FILE", {}, false, read},
      {".quit", "", "Leaves", {}, false, quit},
      {".exit", "", "Leaves", {}, false, quit},
  };
  return all;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t;") + 1 - first));
}

}  // namespace

Outcome run_command(Shell& shell, const std::string& line) {
  const auto blank = std::min(line.find_first_of(" \t"), line.size());
  const std::string name = trimmed(line.substr(0, blank)), argument = trimmed(line.substr(blank));
  for (const auto& command : commands())
    if (command.name == name) return command.run(shell, argument);
  return fail(
      Failure({Errc::invalid_argument, fmt::format("there is no command {}", name), ".help lists them"},
              Exit::usage));
}

std::vector<Vocabulary::Command> command_vocabulary() {
  std::vector<Vocabulary::Command> all;
  for (const auto& command : commands())
    all.push_back({std::string(command.name), command.words, command.takes_table});
  return all;
}

}  // namespace ringside::agent
