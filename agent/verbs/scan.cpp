// SPDX-License-Identifier: Apache-2.0
#include "agent/log.h"
#include "agent/options.h"
#include "agent/output/format.h"
#include "agent/policies.h"
#include "agent/scan/confirm_options.h"
#include "agent/scan/one_scan.h"
#include "agent/scan/report.h"
#include "agent/scan/verdict_page.h"
#include "agent/scan/watch.h"
#include "agent/state_directory.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"
#include "guest/linux/kernel.h"

#include <fmt/format.h>

#include <memory>
#include <ostream>

namespace ringside::agent {

namespace {

using guest::live::MsrSource;

struct Arguments {
  std::vector<std::string> policies;
  std::chrono::milliseconds every{0};  ///< 0: once
  std::uint64_t count = 0;
  ConfirmOptions confirm;
};

Moment now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

/// What the page says above the verdicts.
std::string heading(guest::Snapshot& snapshot) {
  const auto& info = snapshot.info();
  std::string out = guest_label(info);
  if (const auto kernel = guest::linux::Kernel::of(snapshot))
    out += ": Linux " + (*kernel)->identity().release;
  return out + fmt::format(", {}, {}, {}", counted(snapshot.cpus(guest::RegisterGroups::none).size(), "vCPU"),
                           info.status, rfc3339(std::chrono::floor<std::chrono::seconds>(info.taken)));
}

/// What limits a scan as a whole.
std::string limits(const std::vector<policies::CheckResult>& results, const guest::GuestInfo& info, bool live,
                   const ConfirmOptions& confirm) {
  if (exit_of(results) != Exit::violations) return "";
  if (!live)
    return "A snapshot is one moment: what its kernel was in the middle of can look like a violation.";
  if (info.status != "running")
    return "The guest stands still (" + info.status +
           "): what its kernel is in the middle of can look like a violation.";
  return confirm.none ? "Nothing was confirmed (--no-confirm): work in progress can look like a violation."
                      : "";
}

Exit scan_and_report(Context& context, Session& session, policies::Evaluator& evaluator,
                     guest::Snapshot& snapshot, const ConfirmOptions& confirm) {
  const std::string who = heading(snapshot);
  const guest::GuestInfo info = snapshot.info();
  const auto results = scan_once(context, session, evaluator, snapshot);
  if (context.options.json)
    write_document(context.out, scan_json(info, results, now()));
  else
    context.out << render({who, results, limits(results, info, session.live() != nullptr, confirm)},
                          context.style());
  return exit_of(results);
}

/// How a tick reads MSRs: never by stopping the guest each time, unless the user asked for that.
MsrSource msrs_for_ticks(Session& session, const Options& options) {
  if (options.msrs != MsrSource::automatic) return options.msrs;
  auto calibrated = session.live()->read_cpus(MsrSource::calibrated);
  if (!calibrated)
    log::warning(fmt::format(
        "MSRs are not checked: {} (--msrs vmstate reads them by stopping the guest for about 2 ms "
        "at each tick)",
        calibrated.error().message));
  return MsrSource::calibrated;
}

Outcome scan(Context& context, const Arguments& arguments) {
  if (arguments.count != 0 && arguments.every.count() == 0)
    return fail(Failure({Errc::invalid_argument, "--count goes with --every"}));
  RINGSIDE_TRY(auto policies, choose_policies(arguments.policies, context));
  arguments.confirm.apply(policies);
  RINGSIDE_TRY(auto session, Session::open(context.options));
  if (arguments.every.count() > 0) RINGSIDE_CHECK(session->need_live("scan --every"));
  // The first snapshot of a running guest also calibrates the way to its MSRs, if it can.
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(context.options.msrs));
  RINGSIDE_TRY(const auto baseline, load_baseline(snapshot->info().key()));
  RINGSIDE_TRY(auto evaluator, policies::Evaluator::create(policies));
  RINGSIDE_CHECK(evaluator->set_baseline(baseline ? &*baseline : nullptr));
  if (arguments.every.count() == 0)
    return scan_and_report(context, *session, *evaluator, *snapshot, arguments.confirm);

  context.stopped_cleanly = true;
  WatchReporter reporter(context.out, context.options.json, context.style());
  reporter.started(snapshot->info(), arguments.every, policies.size(), now());
  Watch watch(*session->live(), *evaluator, policies, reporter, msrs_for_ticks(*session, context.options));
  return watch.run({arguments.every, arguments.count});
}

}  // namespace

void add_scan(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("scan", "Check the guest against policies and its baseline");
  const auto arguments = std::make_shared<Arguments>();
  add_target(*verb, context);
  verb->add_option("--policy", arguments->policies,
                   "Only this built-in policy, or these (linux-*); or a policy file, or a directory of them")
      ->type_name("NAME|PATH")
      ->expected(1)
      ->take_all();
  add_duration(*verb, "--every", arguments->every, "Again and again on this period; prints changes only");
  add_number(*verb, "--count", arguments->count, "With --every: end after this many times");
  arguments->confirm.add_to(*verb);
  add_msr_option(*verb, context);
  add_example(*verb,
              "  ringside scan /run/vm.qmp\n  ringside scan /run/vm.qmp --policy 'linux-*' --confirm 10s\n"
              "  ringside scan /run/vm.qmp --every 1s --json --policy /etc/ringside/policies");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return scan(context, *arguments); };
  });
}

}  // namespace ringside::agent
