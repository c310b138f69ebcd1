// SPDX-License-Identifier: Apache-2.0
#include "agent/log.h"
#include "agent/options.h"
#include "agent/policies.h"
#include "agent/scan/report.h"
#include "agent/scan/second_look.h"
#include "agent/scan/watch.h"
#include "agent/state_directory.h"
#include "agent/verbs/support.h"
#include "agent/verbs/verbs.h"

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
};

Moment now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

Exit scan_once(Context& context, Session& session, policies::Evaluator& evaluator,
               guest::Snapshot& snapshot) {
  auto results = evaluator.evaluate(snapshot);
  if (session.live() != nullptr && snapshot.info().status == "running")
    look_again(*session.live(), evaluator, context.options.msrs, results, [](const auto&) { return true; });
  if (context.options.json)
    write_document(context.out, scan_json(snapshot.info(), results, now()));
  else
    context.out << render_scan(results, context.style());
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
  RINGSIDE_TRY(const auto policies, choose_policies(arguments.policies, context));
  RINGSIDE_TRY(auto session, Session::open(context.options));
  if (arguments.every.count() > 0) RINGSIDE_CHECK(session->need_live("scan --every"));
  // The first snapshot of a running guest also calibrates the way to its MSRs, if it can.
  RINGSIDE_TRY(guest::Snapshot * snapshot, session->snapshot(context.options.msrs));
  RINGSIDE_TRY(const auto baseline, load_baseline(snapshot->info().key()));
  RINGSIDE_TRY(auto evaluator, policies::Evaluator::create(policies));
  RINGSIDE_CHECK(evaluator->set_baseline(baseline ? &*baseline : nullptr));
  if (arguments.every.count() == 0) return scan_once(context, *session, *evaluator, *snapshot);

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
                   "Policy file, or directory of them, instead of the built-in ones")
      ->type_name("PATH")
      ->expected(1)
      ->take_all();
  add_duration(*verb, "--every", arguments->every, "Again and again on this period; prints changes only");
  add_number(*verb, "--count", arguments->count, "With --every: end after this many times");
  add_msr_option(*verb, context);
  add_example(*verb,
              "  ringside scan /run/vm.qmp\n  ringside scan /run/vm.qmp --every 1s --json --policy "
              "/etc/ringside/policies");
  verb->callback([&context, arguments] {
    context.action = [&context, arguments] { return scan(context, *arguments); };
  });
}

}  // namespace ringside::agent
