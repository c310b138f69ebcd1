// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/daemon.h"
#include "agent/log.h"
#include "agent/metrics_reference.h"
#include "agent/options.h"
#include "agent/policies.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

constexpr const char* kConfigFile = "/etc/ringside/ringside.yaml";

struct Arguments {
  std::string config = kConfigFile;
  bool config_given = false, check = false, metrics_reference = false;
  std::vector<std::string> sockets;
  std::string control;
};

/// Events on stderr, a line each: what journald keeps of a service.
void log_finding(const AgentEvent& event) {
  using Kind = AgentEvent::Kind;
  if (!event.finding) return;
  const auto& finding = *event.finding;
  const std::string name = finding.policy.empty()  ? std::string(to_string(finding.kind))
                           : finding.check.empty() ? finding.policy
                                                   : finding.policy + '/' + finding.check;
  if (event.kind == Kind::finding_opened && !finding.suppressed_by)
    log::warning(fmt::format("{}: {} {} {}: {}", finding.guest_name, to_string(finding.severity), name,
                             finding.id, printable(finding.message)));
  else if (event.kind == Kind::finding_resolved)
    log::info(fmt::format("{}: resolved {} {}", finding.guest_name, name, finding.id));
  else if (event.kind == Kind::action)
    log::warning(fmt::format("{}: {} for {}: {}", finding.guest_name, event.what, finding.id, event.text));
}

Outcome run_agent(Context& context, const Arguments& arguments) {
  if (arguments.metrics_reference) {
    context.out << metrics_markdown();
    return Exit::clean;
  }
  std::vector<policies::Diagnostic> diagnostics;
  Daemon::Options options;
  options.config_file = arguments.config;
  options.must_exist = arguments.config_given;
  options.sockets = arguments.sockets;
  options.control_socket = arguments.control;
  if (arguments.check) {
    const auto checked = Daemon::check(options);
    print_diagnostics(checked.errors, context);
    if (!checked.errors.empty()) return Exit::usage;
    for (const auto& note : checked.notes) context.out << printable(note) << '\n';
    context.out << arguments.config << ": the configuration and all policies are right\n";
    return Exit::clean;
  }
  auto daemon = Daemon::start(options, diagnostics);
  print_diagnostics(diagnostics, context);
  if (!daemon) return fail(daemon.error());
  const auto subscription = (*daemon)->api().subscribe(log_finding);
  for (const auto& line : (*daemon)->describe()) log::info(line);
  context.stopped_cleanly = true;
  (*daemon)->run();
  return Exit::clean;
}

}  // namespace

void add_agent(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("agent", "Watch all guests of this host, all day: the daemon");
  const auto arguments = std::make_shared<Arguments>();
  auto* config =
      verb->add_option("--config", arguments->config, "Configuration; conf.d beside it is read too")
          ->type_name("FILE")
          ->capture_default_str();
  verb->add_option("--sockets", arguments->sockets,
                   "Also watch guests at these QMP sockets: paths, or patterns in quotes ('/run/vm/*.qmp')")
      ->type_name("PATTERN")
      ->expected(1)
      ->take_all();
  verb->add_option("--control", arguments->control,
                   "Where its clients reach it (guests, findings, watch, ...)")
      ->type_name("SOCKET");
  verb->add_flag("--check", arguments->check,
                 "Only say what is wrong with the configuration and the policies");
  verb->add_flag("--metrics-reference", arguments->metrics_reference,
                 "Only print the page that says which metrics there are (docs/metrics.md)");
  add_output_options(*verb, context);
  add_example(*verb,
              "  ringside agent --check\n  ringside agent --sockets '/run/vm/*.qmp'\n"
              "  ringside agent --config ./ringside.yaml");
  verb->callback([&context, arguments, config] {
    arguments->config_given = config->count() > 0;
    context.action = [&context, arguments] { return run_agent(context, *arguments); };
  });
}

}  // namespace ringside::agent
