// SPDX-License-Identifier: Apache-2.0
#include "agent/scan/one_scan.h"

#include "agent/log.h"
#include "agent/output/format.h"
#include "agent/scan/confirm_over_windows.h"
#include "agent/scan/second_look.h"

#include <fmt/format.h>

#include <ostream>

namespace ringside::agent {

namespace {

/// Says what is waited for: a line that is written over on a terminal, one log line elsewhere.
class Waiting {
 public:
  explicit Waiting(Context& context)
      : context_(context),
        line_(context.err_is_terminal && !context.options.quiet),
        colour_(context.error_style()) {}
  ~Waiting() {
    if (line_ && told_) context_.err << "\r\x1b[K" << std::flush;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  void tell(const ConfirmProgress& progress) {
    std::string what = fmt::format("confirming what {} found, over {}", counted(progress.checks, "check"),
                                   human_duration(progress.of));
    if (progress.waited > progress.of) what += ", and for as long as the guest's kernel takes";
    if (line_)
      context_.err << "\r\x1b[K"
                   << colour_.dim(fmt::format(
                          "{}: {} so far", what,
                          human_duration(std::chrono::round<std::chrono::seconds>(progress.waited))))
                   << std::flush;
    else if (!told_)
      log::info(what);
    told_ = true;
  }

 private:
  Context& context_;
  bool line_, told_ = false;
  Style colour_;
};

}  // namespace

std::vector<policies::CheckResult> scan_once(Context& context, Session& session,
                                             policies::Evaluator& evaluator, guest::Snapshot& snapshot) {
  const auto at = std::chrono::steady_clock::now();
  auto results = evaluator.evaluate(snapshot);
  if (session.live() == nullptr || snapshot.info().status != "running") return results;
  const auto msrs = context.options.msrs;
  look_closer(*session.live(), evaluator, msrs, results, [](const auto&) { return true; });
  look_again(*session.live(), evaluator, msrs, results, [](const auto&) { return true; });
  Waiting waiting(context);
  confirm_over_windows(*session.live(), evaluator, msrs, results, at,
                       [&](const ConfirmProgress& progress) { waiting.tell(progress); });
  return results;
}

}  // namespace ringside::agent
