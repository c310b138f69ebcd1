// SPDX-License-Identifier: Apache-2.0
#include "agent/cli.h"

#include "agent/log.h"
#include "agent/output/json.h"
#include "agent/signals.h"
#include "agent/verbs/verbs.h"
#include "agent/version.h"

#include <CLI/CLI.hpp>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>

namespace ringside::agent {

void report(const Failure& failure, const Context& context) {
  if (context.options.json) {
    Json error = json_error(failure.error);
    error["exit"] = static_cast<int>(failure.exit);
    write_line(context.err, Json{{"error", std::move(error)}});
    return;
  }
  const Style style = context.error_style();
  context.err << "ringside: " << style.red("error:") << ' ' << failure.error.message << '\n';
  if (!failure.error.hint.empty()) context.err << style.bold("hint:") << ' ' << failure.error.hint << '\n';
}

namespace {

/// True if standard output is a pipe that nobody reads any more (`ringside idt VM | head`).
bool reader_has_gone() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& arguments,
                Context& context) {
  // --json may stand behind what could not be parsed.
  context.options.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  std::string message = error.what();
  // CLI11 says of a verb that it does not know only that one is missing.
  if (!arguments.empty() && !arguments[0].starts_with('-') &&
      app.get_subcommands([&](const CLI::App* verb) { return verb->check_name(arguments[0]); }).empty())
    message = "there is no verb `" + arguments[0] + "`";
  std::replace(message.begin(), message.end(), '\n', ' ');
  report(Failure({Errc::invalid_argument, std::move(message),
                  "ringside --help lists the verbs, ringside VERB --help their options"},
                 Exit::usage),
         context);
  return static_cast<int>(Exit::usage);
}

}  // namespace

std::unique_ptr<CLI::App> make_app(Context& context) {
  auto app = std::make_unique<CLI::App>(
      "Watches the integrity of running QEMU/KVM guests, from outside the guest.", "ringside");
  app->require_subcommand(1);
  app->set_version_flag("--version", std::string("ringside ") + kVersion);
  app->get_formatter()->column_width(34);
  add_all_verbs(*app, context);
  app->footer(
      "Exit codes: 0 clean, 1 internal error, 2 usage or bad policy, 3 violations found,\n"
      "            4 something could not be checked, 5 could not attach\n"
      "State:      $RINGSIDE_STATE_DIR, else /var/lib/ringside (root) or ~/.local/state/ringside\n\n"
      "Example:\n  ringside inspect /run/vm.qmp\n  ringside baseline save /run/vm.qmp\n  ringside scan "
      "/run/vm.qmp --every 1s");
  return app;
}

int run(const std::vector<std::string>& arguments, Context& context) {
  const auto app = make_app(context);
  try {
    // CLI11 takes the arguments last first.
    app->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& help) {  // --help, --version
    app->exit(help, context.out, context.err);
    return static_cast<int>(Exit::clean);
  } catch (const CLI::ParseError& error) {
    return usage_error(*app, error, arguments, context);
  }
  const Options& options = context.options;
  log::set_up(options.quiet     ? log::Level::quiet
              : options.verbose ? log::Level::verbose
                                : log::Level::normal,
              context.error_style().enabled());
  Exit exit = Exit::internal;
  if (const Outcome outcome = context.action(); outcome) {
    exit = *outcome;
  } else {
    report(outcome.error(), context);
    exit = outcome.error().exit;
  }
  context.out.flush();
  if (!context.out && !reader_has_gone()) {
    report(Failure({Errc::io, "could not write to standard output"}, Exit::internal), context);
    return static_cast<int>(Exit::internal);
  }
  // A run that a signal cut short ends as a shell expects; scan --every ends that way by design and says its
  // result.
  if (signals::received() != 0 && !context.stopped_cleanly) return 128 + signals::received();
  return static_cast<int>(exit);
}

}  // namespace ringside::agent
