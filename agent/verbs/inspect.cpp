// SPDX-License-Identifier: Apache-2.0
#include "agent/inspection.h"
#include "agent/options.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <ostream>

namespace ringside::agent {

namespace {

Outcome inspect(Context& context, bool explain) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(const Inspection inspection, look_at(*session, context.options.msrs));
  if (context.options.json)
    write_document(context.out, to_json(inspection));
  else
    context.out << render(inspection, context.style(), explain);
  return inspection.msrs_missing ? Exit::unchecked : Exit::clean;
}

}  // namespace

void add_inspect(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand(
      "inspect", "Show what the guest is, its kernel, how it is reached, and its protections");
  add_target(*verb, context);
  add_msr_option(*verb, context);
  const auto explain = std::make_shared<bool>(false);
  verb->add_flag("--explain", *explain,
                 "Say how the kernel was found, and why better ways to reach guest RAM were passed over");
  add_example(*verb, "  ringside inspect /run/vm.qmp --explain");
  verb->callback(
      [&context, explain] { context.action = [&context, explain] { return inspect(context, *explain); }; });
}

}  // namespace ringside::agent
