// SPDX-License-Identifier: Apache-2.0
#include "agent/doctor/gather.h"
#include "agent/doctor/judgement.h"
#include "agent/options.h"
#include "agent/verbs/verbs.h"

#include <ostream>

namespace ringside::agent {

namespace {

Outcome examine(Context& context) {
  const auto checks =
      context.options.target.empty()
          ? doctor::judge_host(doctor::look_at_host())
          : doctor::judge_target(doctor::look_at_target(context.options), doctor::look_at_rights());
  const Exit exit = doctor::exit_of(checks);
  if (context.options.json)
    write_document(context.out, {{"checks", doctor::to_json(checks)}});
  else
    context.out << doctor::render(checks, context.style());
  return exit;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("doctor", "Say why a guest cannot be attached to, or what this host lacks");
  verb->add_option("TARGET", context.options.target,
                   "QMP socket path, tcp:HOST:PORT, tls:HOST:PORT or libvirt:DOMAIN; without it: this host")
      ->type_name("");
  add_connection_options(*verb, context);
  add_output_options(*verb, context);
  add_example(*verb, "  ringside doctor\n  ringside doctor /run/vm.qmp");
  verb->callback([&context] { context.action = [&context] { return examine(context); }; });
}

}  // namespace ringside::agent
