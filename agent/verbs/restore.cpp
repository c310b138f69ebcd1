// SPDX-License-Identifier: Apache-2.0
#include "agent/audit_log.h"
#include "agent/log.h"
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/output/text_table.h"
#include "agent/policies.h"
#include "agent/restore_findings.h"
#include "agent/restore_plan.h"
#include "agent/scan/confirm_options.h"
#include "agent/scan/one_scan.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

struct Arguments {
  std::vector<std::string> findings;  ///< fingerprints; empty: all that can be put back
  std::vector<std::string> policies;
  ConfirmOptions confirm;
  bool yes = false;
};

Json to_json(const RestorePlan& plan) {
  Json steps = Json::array();
  for (const auto& step : plan.steps)
    steps.push_back({{"table", step.table},
                     {"vcpu", step.vcpu},
                     {"entry", step.entry},
                     {"object", step.object()},
                     {"finding", step.finding.empty() ? Json() : Json(step.finding)},
                     {"gva", json_address(step.gva.value)},
                     {"gpa", json_address(step.gpa.value)},
                     {"current", to_hex(step.current)},
                     {"baseline", to_hex(step.baseline)}});
  return steps;
}

/// Bytes for people: long ones are cut.
std::string some(const Bytes& bytes) {
  static constexpr std::size_t kMost = 16;
  if (bytes.size() <= kMost) return to_hex(bytes);
  return to_hex(ByteView(bytes).first(kMost)) + fmt::format("... ({})", counted(bytes.size(), "byte"));
}

std::string render(const RestorePlan& plan, const Style& style) {
  TextTable table({{"FROM"}, {"OBJECT"}, {"GPA"}, {"NOW"}, {"TO BE"}});
  for (const auto& step : plan.steps)
    table.add(
        {step.table, step.object(), guest::to_string(step.gpa), some(step.current), some(step.baseline)});
  return table.render(style);
}

std::size_t count_findings(const std::vector<policies::CheckResult>& results) {
  std::size_t count = 0;
  for (const auto& result : results) count += result.violations.size();
  return count;
}

void print(Context& context, const RestorePlan& plan, bool done, std::size_t findings) {
  if (!plan.steps.empty()) context.out << render(plan, context.style());
  if (done)
    context.out << fmt::format("restored {}: compared, written, read back\n",
                               counted(plan.steps.size(), "place"));
  else if (!plan.steps.empty())
    context.out << fmt::format("{} would be put back; --yes does it\n", counted(plan.steps.size(), "place"));
  else if (findings > 0)
    context.out << fmt::format("nothing can be put back; ringside scan shows the {} that stood\n",
                               counted(findings, "finding"));
  else if (plan.not_possible.empty())
    context.out << "nothing to restore\n";
}

Outcome restore(Context& context, const Arguments& arguments) {
  RINGSIDE_TRY(auto policies, choose_policies(arguments.policies, context));
  arguments.confirm.apply(policies);
  RINGSIDE_TRY(auto session, Session::open(context.options));
  RINGSIDE_TRY(guest::live::LiveGuest * live, session->need_live("restore"));
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(context.options.msrs));
  const guest::GuestInfo info = snapshot->info();
  RINGSIDE_TRY(const auto baseline, load_baseline(info.key()));
  RINGSIDE_TRY(auto evaluator, policies::Evaluator::create(policies));
  RINGSIDE_CHECK(evaluator->set_baseline(baseline ? &*baseline : nullptr));
  // What is to be put back must be confirmed: bytes in the middle of a change are not what they will be.
  const auto results = scan_once(context, *session, *evaluator, *snapshot);
  const std::size_t findings = count_findings(results);
  RINGSIDE_TRY(snapshot, session->snapshot(guest::live::MsrSource::none));
  RestorePlan plan;
  if (baseline) {
    if (auto planned = plan_restore(*baseline, *snapshot))
      plan = std::move(*planned);
    else
      plan.not_possible.push_back(planned.error().message);
  }
  plan_findings(plan, results, *snapshot, arguments.findings);
  keep_wanted(plan, results, arguments.findings);
  if (!baseline && plan.steps.empty() && findings == 0 && arguments.findings.empty())
    return fail(Failure({Errc::unavailable,
                         "nothing is known to be wrong, and there is no baseline of " + guest_label(info),
                         "run ringside baseline save while the guest is known to be good"}));
  const bool done = arguments.yes && !plan.steps.empty();
  if (done) RINGSIDE_CHECK(audited_write(*live, "restore", info, plan.writes()));
  if (context.options.json)
    write_document(context.out, {{"guest", guest_json(info)},
                                 {"restored", done},
                                 {"findings", findings},
                                 {"steps", to_json(plan)},
                                 {"not_possible", plan.not_possible}});
  else
    print(context, plan, done, findings);
  for (const auto& why : plan.not_possible) log::warning("not restored: " + printable(why));
  Exit exit = plan.not_possible.empty() ? Exit::clean : Exit::unchecked;
  if (!done && (!plan.steps.empty() || findings > 0)) exit = worse(exit, Exit::violations);
  return exit;
}

}  // namespace

void add_restore(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand(
      "restore", "Put back what was changed in the guest, where it is known what stood there");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  verb->add_option("--finding", arguments->findings,
                   "Only what undoes this finding, by the id that scan shows; can be given several times")
      ->type_name("ID")
      ->expected(1)
      ->take_all();
  verb->add_option("--policy", arguments->policies,
                   "Only findings of this built-in policy, or these (linux-*); or of a policy file")
      ->type_name("NAME|PATH")
      ->expected(1)
      ->take_all();
  arguments->confirm.add_to(*verb);
  verb->add_flag("--yes", arguments->yes,
                 "Do it; without, only the plan is shown (exit 3 if there is something to restore)");
  add_msr_option(*verb, context);
  add_example(
      *verb,
      "  ringside restore /run/vm.qmp\n  ringside restore /run/vm.qmp --finding 3f2a9c0011d04e71 --yes");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return restore(context, *arguments); };
  });
}

}  // namespace ringside::agent
