// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/session_view.h"

#include "agent/daemon/wall_clock.h"
#include "agent/output/format.h"
#include "base/io/endpoint.h"

namespace ringside::agent {

std::string_view to_string(GuestState state) {
  using State = GuestState;
  switch (state) {
    case State::attaching:
      return "attaching";
    case State::retry:
      return "retry";
    case State::booting:
      return "booting";
    case State::watched:
      return "watched";
    case State::stopped:
      return "stopped";
    case State::gone:
      return "gone";
  }
  return "?";
}

SessionView::SessionView(GuestFacts facts) : since_(wall_clock()), facts_(std::move(facts)) {}

void SessionView::set_state(GuestState state, const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (state_ != state) since_ = wall_clock();
  state_ = state;
  why_ = why;
  if (state != GuestState::retry) next_try_.reset();
}

void SessionView::retry_at(Moment at) {
  const std::lock_guard lock(mutex_);
  next_try_ = at;
}

void SessionView::attached(const GuestFacts& facts, const guest::GuestInfo& info) {
  const std::lock_guard lock(mutex_);
  facts_ = facts;
  qemu_ = info.qemu_version;
  accelerator_ = info.accelerator;
  backend_ = info.backend;
  baseline_.reset();
  pauses_ = 0;
  paused_ = {};
  paused_by_agent_ = false;
  kernel_.clear();
  build_id_.clear();
}

void SessionView::facts(const GuestFacts& facts) {
  const std::lock_guard lock(mutex_);
  facts_ = facts;
}

void SessionView::kernel(const std::string& release, const std::string& build_id) {
  const std::lock_guard lock(mutex_);
  kernel_ = release;
  build_id_ = build_id;
}

void SessionView::baseline(Moment taken, Json about) {
  about["taken"] = rfc3339(taken);
  const std::lock_guard lock(mutex_);
  baseline_ = std::move(about);
}

void SessionView::pauses_restarted() {
  const std::lock_guard lock(mutex_);
  pauses_ = 0;
  paused_ = {};
}

std::optional<std::chrono::microseconds> SessionView::looked(const Look& look, const Pauses& pauses) {
  const std::lock_guard lock(mutex_);
  if (state_ != look.state) since_ = wall_clock();
  state_ = look.state;
  why_ = look.why;
  last_tick_ = wall_clock();
  for (const auto& [policy, verdict] : look.policies)
    if (verdict != policies::Verdict::unknown) scanned_[policy] = *last_tick_;
  paused_by_agent_ = look.paused_by_agent;
  checks_ = look.checks;
  findings_ = look.findings;
  undecided_ = look.undecided;
  ticks_ = look.ticks;
  missed_ = look.missed;
  tick_ = look.took;
  std::optional<std::chrono::microseconds> paused;
  if (pauses.count() > pauses_) paused = pauses.total() - paused_;  // one a look, as a rule
  pauses_ = pauses.count();
  paused_ = pauses.total();
  return paused;
}

GuestSummary SessionView::summary() const {
  const std::lock_guard lock(mutex_);
  return {state_, facts_,   checks_, findings_, ticks_,           missed_,
          tick_,  backend_, kernel_, build_id_, paused_by_agent_, scanned_};
}

Json SessionView::describe(const GuestCandidate& candidate) const {
  const std::lock_guard lock(mutex_);
  const auto time = [](const std::optional<Moment>& at) { return at ? Json(rfc3339(*at)) : Json(); };
  Json labels = Json::object();
  for (const auto& [name, value] : facts_.labels) labels[name] = value;
  return {{"name", facts_.name},
          {"key", facts_.key},
          {"uuid", facts_.uuid},
          {"source", candidate.source},
          {"target", io::to_string(candidate.endpoint)},
          {"labels", std::move(labels)},
          {"state", to_string(state_)},
          {"since", rfc3339(since_)},
          {"why", why_},
          {"next_try", time(next_try_)},
          {"kernel", kernel_},
          {"build_id", build_id_},
          {"qemu", qemu_},
          {"accelerator", accelerator_},
          {"backend", backend_},
          {"baseline", baseline_.value_or(Json())},
          {"checks",
           {{"ok", checks_.ok},
            {"violated", checks_.violated},
            {"unknown", checks_.unknown},
            {"not_applicable", checks_.not_applicable},
            {"undecided", undecided_}}},
          {"findings", findings_},
          {"ticks", ticks_},
          {"missed", missed_},
          {"last_tick", time(last_tick_)},
          {"tick_milliseconds", static_cast<double>(tick_.count()) / 1000},
          {"pauses", {{"count", pauses_}, {"milliseconds", static_cast<double>(paused_.count()) / 1000}}}};
}

}  // namespace ringside::agent
