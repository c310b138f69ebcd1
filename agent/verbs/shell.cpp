// SPDX-License-Identifier: Apache-2.0
#include "agent/shell/shell.h"

#include "agent/options.h"
#include "agent/shell/line_editor.h"
#include "agent/signals.h"
#include "agent/state_directory.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  std::chrono::milliseconds time = policies::QueryLimits{}.time;
};

Outcome shell(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(auto database, policies::Database::create());
  RINGSIDE_TRY(auto session, Session::open(context.options));
  Shell::Settings settings;
  settings.time = arguments.time;
  if (context.options.json) settings.mode = AnswerMode::json;
  Shell loop(context, *session, *database, settings);
  if (!context.out_is_terminal || ::isatty(STDIN_FILENO) != 1) {
    StreamLines lines(std::cin);
    return loop.run(lines);
  }
  RINGSIDE_TRY(const StateDirectory state, StateDirectory::open());
  RINGSIDE_TRY(auto editor, LineEditor::create(state.shell_history(), [&loop](auto line, auto cursor) {
                 return loop.complete(line, cursor);
               }));
  const signals::InterruptScope interruptible;
  if (!context.options.quiet)
    context.err << fmt::format("{}: .help shows the commands, .tables what can be asked\n",
                               printable(context.options.target));
  loop.run(*editor);
  return Exit::clean;  // the user has seen what went wrong
}

}  // namespace

void add_shell(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("shell", "Ask the guest's tables in SQL, one statement after another");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  add_msr_option(*verb, context);
  add_duration(*verb, "--limit-time", arguments->time, "How long one query may take (10s)");
  add_example(*verb,
              "  ringside shell /run/vm.qmp\n"
              "  echo 'SELECT vcpu, cr3 FROM vcpus;' | ringside shell /run/vm.qmp");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return shell(context, *arguments); };
  });
}

}  // namespace ringside::agent
