// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/finding_actions.h"

#include "agent/daemon/wall_clock.h"

#include <fmt/format.h>

namespace ringside::agent {

void FindingActions::take(const FindingRecord& record, const policies::CheckResult& result,
                          const policies::Violation& violation, guest::live::LiveGuest& live,
                          const Config& config, const BaselineOf& baseline, Moment now) {
  // What a policy that only observes could do is no refusal: `ringside guests` and the policies say the mode.
  if (result.policy->mode != policies::Mode::enforce) return;
  const auto refused = [&](const std::string& action, const std::string& why) {
    tools_.metrics.action(action, false);
    tools_.ledger.action(record, action, false, why, now);
  };
  for (const auto& action : result.check->actions) {
    if (!needs_leave(action)) continue;
    if (const auto why = refusal(action, config, guest_, record.suppressed_by.has_value())) {
      refused(action, *why);
      continue;
    }
    if (auto allowed = tools_.breaker.allow(config.breaker, guest_.key, CircuitBreaker::Moment::clock::now());
        !allowed) {
      refused(action, allowed.error().message);
      continue;
    }
    const auto done = perform(action, record, result, violation, live, config, baseline, now);
    tools_.metrics.action(action, done.has_value());
    tools_.ledger.action(record, action, done.has_value(), done ? *done : done.error().message, wall_clock());
  }
}

Result<std::string> FindingActions::perform(const std::string& action, const FindingRecord& record,
                                            const policies::CheckResult& result,
                                            const policies::Violation& violation,
                                            guest::live::LiveGuest& live, const Config& config,
                                            const BaselineOf& baseline, Moment now) {
  if (action == "pause") {
    auto paused = pause_guest(live);
    if (paused) paused_for_ = record.id;
    return paused;
  }
  if (action == "dump")
    return dump_guest(live, tools_.state_directory + "/dumps",
                      fmt::format("{}-{}.elf", record.id, now.time_since_epoch().count()), config.dump_bytes);
  return restore_violation(live, baseline(), result, violation);
}

}  // namespace ringside::agent
