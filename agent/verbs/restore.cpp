// SPDX-License-Identifier: Apache-2.0
#include "agent/audit_log.h"
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/policies.h"
#include "agent/restore_plan.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

Json to_json(const RestorePlan& plan) {
  Json steps = Json::array();
  for (const auto& step : plan.steps)
    steps.push_back({{"table", step.table},
                     {"vcpu", step.vcpu},
                     {"entry", step.entry},
                     {"gva", json_address(step.gva.value)},
                     {"gpa", json_address(step.gpa.value)},
                     {"current", to_hex(step.current)},
                     {"baseline", to_hex(step.baseline)}});
  return steps;
}

std::string render(const RestorePlan& plan, const Style& style) {
  TextTable table({{"TABLE"},
                   {"VCPU", TextTable::Align::right},
                   {"ENTRY", TextTable::Align::right},
                   {"GPA"},
                   {"NOW"},
                   {"BASELINE"}});
  for (const auto& step : plan.steps)
    table.add({step.table, std::to_string(step.vcpu), std::to_string(step.entry), guest::to_string(step.gpa),
               to_hex(step.current), to_hex(step.baseline)});
  return table.render(style);
}

Outcome restore(Context& context, bool yes) {
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::live::LiveGuest * live, session->need_live("restore"));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(guest::live::MsrSource::automatic));
  const guest::GuestInfo info = snapshot->info();
  RINGSIDE_TRY(const auto baseline, load_baseline(info.key()));
  if (!baseline)
    return fail(Failure({Errc::unavailable, "there is no baseline of " + guest_label(info),
                         "run ringside baseline save while the guest is known to be good"}));
  RINGSIDE_TRY(const RestorePlan plan, plan_restore(*baseline, *snapshot));
  const bool done = yes && !plan.steps.empty();
  if (done) RINGSIDE_CHECK(audited_write(*live, "restore", info, plan.writes()));
  if (context.options.json) {
    write_document(context.out, {{"guest", guest_json(info)},
                                 {"restored", done},
                                 {"steps", to_json(plan)},
                                 {"not_possible", plan.not_possible}});
  } else {
    if (!plan.steps.empty()) context.out << render(plan, context.style());
    if (plan.steps.empty() && plan.not_possible.empty())
      context.out << "IDT and GDT are as in the baseline: nothing to restore\n";
    else if (done)
      context.out << fmt::format("restored {}: compared, written, read back\n",
                                 counted(plan.steps.size(), "place"));
    else if (!plan.steps.empty())
      context.out << fmt::format("{} would be put back; --yes does it\n",
                                 counted(plan.steps.size(), "place"));
  }
  Exit exit = note_incomplete(plan.not_possible);
  if (!done && !plan.steps.empty()) exit = worse(exit, Exit::violations);
  return exit;
}

}  // namespace

void add_restore(CLI::App& app, Context& context) {
  auto* verb =
      app.add_subcommand("restore", "Put the baseline's bytes back into IDT and GDT entries that differ");
  const auto yes = std::make_shared<bool>(false);
  add_target(*verb, context);
  verb->add_flag("--yes", *yes,
                 "Do it; without, only the plan is shown (exit 3 if there is something to restore)");
  add_example(*verb, "  ringside restore /run/vm.qmp\n  ringside restore /run/vm.qmp --yes");
  verb->callback([&context, yes] { context.action = [&context, yes] { return restore(context, *yes); }; });
}

}  // namespace ringside::agent
