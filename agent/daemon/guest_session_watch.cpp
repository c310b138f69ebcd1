// SPDX-License-Identifier: Apache-2.0
// Looking at a guest that is attached to, and what comes of a look.
#include "agent/daemon/guest_query.h"
#include "agent/daemon/guest_session.h"
#include "agent/daemon/wall_clock.h"
#include "agent/daemon/whereabouts.h"
#include "agent/output/format.h"
#include "agent/policies.h"
#include "qmp/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace ringside::agent {

namespace {

/// How often what changes without an event is looked at: memory that was plugged, last_seen on disk.
constexpr std::chrono::seconds kNowAndThen{30};
/// A guest can say over and over that its memory is another; its map is not read sooner than this for it.
constexpr std::chrono::seconds kBetweenMaps{2};
/// How often a QEMU whose guest is elsewhere is asked; what resumes it comes as an event.
constexpr std::chrono::seconds kWhileElsewhere{5};

}  // namespace

/// While this QEMU's guest is elsewhere, not here yet or gone to another, nothing is judged: what is here is
/// not the guest, and findings of it would be.
bool GuestSession::is_here() {
  if (!std::exchange(ask_whether_here_, false) && !elsewhere_) return true;
  const auto status = guest_->monitor().call(qmp::query_status());
  if (!status) {
    ask_whether_here_ = true;
    return true;  // a look says why it cannot be read
  }
  const auto why = guest_is_elsewhere(status->status);
  if (why && !elsewhere_) {
    tell("elsewhere", *why);
    wants_name_ = true;
    set_name(tools_.names.step_aside(candidate_.id, own_name(), guest_->info().target));
    view_.facts(facts_);
  }
  if (!why && elsewhere_) {
    tell("here", "its state is here: " + status->status);
    // Another session has judged it meanwhile: it is as if this one had just attached.
    looks_.reset();
    looks_ = std::make_unique<Looks>(*guest_, *evaluator_, rules_->policies, msrs(), pauses_.get());
    latest_.clear();
    findings_.forget();
    findings_.take_over(rules_->policies, blind_);
    has_baseline_ = false;
    boot_baseline_.attached();
    kernel_key_.clear();
    for (const auto& problem : looks_->begin_boot()) tell("error", problem);
    plan_.begin(rules_->policies, Clock::now());
    view_.set_state(State::booting);
  }
  elsewhere_ = why.has_value();
  if (why) view_.set_state(looks_->booting() ? State::booting : State::stopped, *why);
  return !why;
}

/// A guest that came from another QEMU takes its name over, with what goes by it: labels, exceptions,
/// metrics.
void GuestSession::take_name_over() {
  if (!wants_name_) return;
  const std::string name = tools_.names.claim(candidate_.id, own_name(), guest_->info().target);
  wants_name_ = name != own_name();
  if (name == facts_.name) return;
  set_name(name);
  view_.facts(facts_);
}

Scheduler::Clock::time_point GuestSession::watch() {
  if (!is_here()) return Clock::now() + kWhileElsewhere;
  const auto begin = Clock::now();
  const bool ticked = plan_.take(begin);
  const auto look = looks_->look([this](const policies::Policy& policy) { return plan_.due(policy); });
  if (!look) return Clock::now();  // the next step sees the closed connection
  const auto now = wall_clock();
  if (look->booted) {
    booted();
    view_.set_state(State::watched);
    plan_.begin(rules_->policies, Clock::now());
    return Clock::now();
  }
  if (const auto at = boot_baseline_.settles_at(); at && begin >= *at && !looks_->booting())
    if (auto settled = settle(); !settled) {
      boot_baseline_.settle_later();
      tell("error", "baseline: " + settled.error().message);
    }
  latest_.take(look->results);
  if (!looks_->booting()) judge(*look, now);
  if (looks_->booting() && !look->unread) {
    // A state of its own: all is unknown, and not for want of sight.
    boot_baseline_.is_booting();
    blind_.restart();
    long_boot_.goes_on(begin, now);
  } else {
    blind_.take(look->results, rules_->config.watching.blind_after, begin, now);
  }
  publish(*look, std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin));
  if (ticked && Clock::now() >= next_map_) {
    // Memory that was plugged or unplugged since.
    if (!looks_->booting()) notice_other_kernel();
    read_map();
  }
  if (Clock::now() >= next_seen_) {
    next_seen_ = Clock::now() + kNowAndThen;
    findings_.seen(looks_->findings(), now);
    findings_.weigh_exceptions(looks_->findings(), rules_->exceptions, now);
  }
  const auto next = plan_.next();
  const auto pace = looks_->pace();
  return pace ? std::min(next, begin + *pace) : next;
}

void GuestSession::hasten_map() {
  next_map_ = std::min(next_map_, map_read_ + kBetweenMaps);
}

void GuestSession::plan_map() {
  map_read_ = Clock::now();
  next_map_ = map_read_ + kNowAndThen;
}

void GuestSession::read_map() {
  plan_map();
  const auto before = guest_->memory().map().ram_size();
  if (auto refreshed = guest_->refresh_map(); !refreshed) {
    if (guest_->monitor().connected()) tell("error", "memory map: " + refreshed.error().message);
    return;
  }
  // Firmware's shadow RAM comes and goes a few pages at a time, which is no news.
  const std::string had = human_size(before), has = human_size(guest_->memory().map().ram_size());
  if (has != had) tell("memory", fmt::format("it has {} of RAM; it had {}", has, had));
}

/// What the look says of findings; acts on those that are new.
void GuestSession::judge(const Looks::Look& look, Moment now) {
  std::optional<policies::Baseline> stored;
  const auto baseline = [&]() -> const policies::Baseline* {
    auto loaded = load_baseline(facts_.key);
    stored = loaded ? std::move(*loaded) : std::nullopt;
    return stored && has_baseline_ ? &*stored : nullptr;
  };
  findings_.take(looks_->take(look, now), latest_, rules_->exceptions, *guest_, now,
                 [&](const FindingRecord& record, const policies::CheckResult& result,
                     const policies::Violation& violation) {
                   actions_.take(record, result, violation, *guest_, rules_->config, baseline, now);
                 });
  findings_.resolve_stale(look.results, now);
}

void GuestSession::publish(const Looks::Look& look, std::chrono::microseconds took) {
  take_name_over();
  tools_.metrics.look(facts_.name, took);
  const auto policies = worst_of_policies(look.results);
  for (const auto& [policy, verdict] : policies) tools_.metrics.scanned(policy, verdict);
  const auto status = guest_->monitor().call(qmp::query_status());
  const bool running = status && status->running;
  if (!running) ask_whether_here_ = true;  // a migration ends with a stop, and a while later as one
  if (running) actions_.runs_again();
  const State state = looks_->booting()    ? State::booting
                      : running || !status ? State::watched
                                           : State::stopped;
  const std::string why =
      state != State::stopped ? look.unread.value_or("")
      : actions_.paused_for().empty()
          ? "the guest does not run: " + status->status
          : fmt::format("ringside paused it for finding {}; `cont` lets it run", actions_.paused_for());
  const auto paused = view_.looked(
      {state, why, !actions_.paused_for().empty(), latest_.tally(), looks_->findings().open().size(),
       looks_->undecided(), plan_.ticks(), plan_.missed(), took, policies},
      *pauses_);
  if (paused) tools_.metrics.paused(facts_.name, *paused);
}

Result<Json> GuestSession::explain(const std::string& finding) {
  const std::lock_guard lock(working_);
  if (!guest_) return fail(Errc::unavailable, facts_.name + " is not attached to right now");
  return findings_.explain(finding, looks_->findings(), rules_->exceptions);
}

Result<Json> GuestSession::query(const std::string& sql) {
  const std::lock_guard lock(working_);
  if (!guest_) return fail(Errc::unavailable, facts_.name + " is not attached to right now");
  RINGSIDE_TRY(const auto snapshot, snapshot_now());
  return answer_query(*snapshot, sql);
}

}  // namespace ringside::agent
