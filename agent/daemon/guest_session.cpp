// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/guest_session.h"

#include "agent/baseline_acceptance.h"
#include "agent/baseline_taking.h"
#include "agent/daemon/metered_monitor.h"
#include "agent/daemon/wall_clock.h"
#include "agent/libvirt/connect.h"
#include "agent/log.h"
#include "agent/output/format.h"
#include "agent/policies.h"
#include "agent/start_up_text.h"
#include "guest/linux/kernel.h"
#include "policies/engine/carry_over.h"
#include "policies/engine/start_up.h"
#include "qmp/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ringside::agent {

using guest::live::MsrSource;
using std::chrono::milliseconds;

namespace {

/// Events of QEMU that cannot wait are taken up this often, however many come: a guest can reset itself over
/// and over.
constexpr milliseconds kBetweenEvents{200};
/// A monitor that has answered all this time without an end to what was to be asked.
constexpr std::chrono::seconds kLongestAttach{60};

/// Counts the commands of all monitors of the guest, those of freeze windows too.
void meter_commands(guest::live::AttachOptions& options, const SessionTools& tools) {
  if (!options.connectors) options.connectors = guest::live::connectors_on(tools.loop, options.connect);
  options.connectors->monitor = [reach = options.connectors->monitor, &metrics = tools.metrics](
                                    const io::Endpoint& endpoint) -> Result<std::unique_ptr<qmp::Monitor>> {
    RINGSIDE_TRY(auto monitor, reach(endpoint));
    return metered(std::move(monitor), metrics);
  };
}

}  // namespace

GuestSession::GuestSession(GuestCandidate candidate, SessionTools tools, std::shared_ptr<const Rules> rules)
    : candidate_(std::move(candidate)),
      tools_(tools),
      facts_{candidate_.id,
             tools_.names.claim(candidate_.id, candidate_.name, io::to_string(candidate_.endpoint)),
             candidate_.uuid, candidate_.labels},
      view_(facts_),
      rules_(std::move(rules)) {}

GuestSession::~GuestSession() {
  const std::lock_guard lock(working_);
  detach();
  tools_.names.release(candidate_.id);
}

void GuestSession::replace_rules(std::shared_ptr<const Rules> rules) {
  const std::lock_guard lock(asking_);
  next_rules_ = std::move(rules);
}

void GuestSession::end(const std::string& why) {
  {
    const std::lock_guard lock(asking_);
    end_why_ = why;
  }
  ended_ = true;
}

void GuestSession::tell(const std::string& what, const std::string& text) {
  AgentEvent event;
  event.kind = AgentEvent::Kind::guest;
  event.at = wall_clock();
  event.guest = facts_.key;
  event.guest_name = facts_.name;
  event.what = what;
  event.text = text;
  log::info(fmt::format("{}: {}", facts_.name, text));
  tools_.ledger.tell(std::move(event));
}

std::optional<Scheduler::Clock::time_point> GuestSession::step() {
  const std::lock_guard lock(working_);
  if (ended_) {
    std::string why;
    {
      const std::lock_guard asked(asking_);
      why = end_why_;
    }
    if (guest_) guest_ended(why);
    resolve_all(why, /*unwatched_too=*/true);
    view_.set_state(State::gone, why);
    return std::nullopt;
  }
  use_rules();
  if (!guest_) return attach();
  const auto now = Clock::now();
  if (events_.any() && now < calm_until_) return calm_until_;
  if (events_.take_any()) {
    calm_until_ = now + kBetweenEvents;
    ask_whether_here_ = true;
  }
  const auto try_again = handle_events();
  if (!guest_) return try_again;
  attempts_.lasts(facts_, Clock::now());
  return watch();
}

/// New rules: policies are other objects then, so that evaluator and looks begin anew.
void GuestSession::use_rules() {
  std::shared_ptr<const Rules> next;
  {
    const std::lock_guard lock(asking_);
    next = std::exchange(next_rules_, nullptr);
  }
  if (!next) return;
  rules_ = std::move(next);
  latest_.clear();
  blind_.restart();
  if (!guest_) return;
  find_msrs();
  findings_.take_over(rules_->policies, blind_);
  auto evaluator = policies::Evaluator::create(rules_->policies);
  if (!evaluator) {  // they were checked when they were loaded
    tell("error", evaluator.error().message);
    return;
  }
  looks_.reset();
  evaluator_ = std::move(*evaluator);
  pauses_ = std::make_unique<Pauses>(rules_->config.pauses);
  view_.pauses_restarted();
  looks_ = std::make_unique<Looks>(*guest_, *evaluator_, rules_->policies, msrs(), pauses_.get());
  plan_.begin(rules_->policies, Clock::now());
  findings_.forget_exceptions();
  for (const auto& problem : looks_->begin_boot()) tell("error", problem);
}

/// The way to MSRs is calibrated once a build of QEMU, which stops the guest for some milliseconds; where it
/// cannot be, checks on MSRs are unknown.
void GuestSession::find_msrs() {
  if (rules_->config.watching.msrs != MsrSource::automatic || guest_->read_cpus(MsrSource::calibrated))
    return;
  if (auto calibrated = guest_->read_cpus(MsrSource::automatic); !calibrated)
    tell("msrs", "MSRs are not checked: " + calibrated.error().message);
}

/// Without MSRs where they cannot be had.
Result<std::unique_ptr<guest::Snapshot>> GuestSession::snapshot_now() {
  auto snapshot = guest_->snapshot(msrs());
  if (snapshot || msrs() == MsrSource::none || !guest_->monitor().connected()) return snapshot;
  return guest_->snapshot(MsrSource::none);
}

MsrSource GuestSession::msrs() const {
  return rules_->config.watching.msrs == MsrSource::automatic ? MsrSource::calibrated
                                                              : rules_->config.watching.msrs;
}

std::optional<Scheduler::Clock::time_point> GuestSession::attach() {
  qmp::ConnectOptions connect;
  connect.connect_deadline = rules_->config.watching.connect_timeout;
  connect.greeting_deadline = std::min(connect.greeting_deadline, connect.connect_deadline);
  auto options = attach_options(tools_.loop, candidate_.endpoint, connect);
  meter_commands(options, tools_);
  options.backend = rules_->config.watching.memory;
  options.state_directory = tools_.state_directory;
  options.kernels = tools_.kernels;
  options.golden = tools_.golden;
  options.may_go_on = [this, until = Clock::now() + kLongestAttach]() -> Result<void> {
    if (ended_ || hurried_) return fail(Errc::cancelled, "attaching was called off");
    // Once it is attached to, this holds back no more.
    if (attaching_ && Clock::now() > until)
      return fail(Errc::deadline, fmt::format("the monitor answers, but attaching took more than {}",
                                              human_duration(kLongestAttach)));
    return {};
  };
  attaching_ = true;
  auto guest = guest::live::LiveGuest::attach(tools_.loop, std::move(options));
  attaching_ = false;
  if (!guest && (ended_ || hurried_)) return Clock::now() + kBetweenEvents;
  if (!guest) return failed(guest.error());
  auto evaluator = policies::Evaluator::create(rules_->policies);
  if (!evaluator) return failed(evaluator.error());
  guest_ = std::move(*guest);
  evaluator_ = std::move(*evaluator);
  attached();
  return Clock::now();
}

std::optional<Scheduler::Clock::time_point> GuestSession::failed(const Error& error) {
  const auto now = Clock::now();
  const auto [wait, news] = attempts_.failed(error, facts_, !tools_.names.alone(candidate_.id, facts_.key),
                                             rules_->config.watching, now);
  if (news) tell("not-attached", error.message);
  view_.set_state(State::retry, error.hint.empty() ? error.message : error.message + " (" + error.hint + ")");
  view_.retry_at(wall_clock() + wait);
  return now + wait;
}

void GuestSession::attached() {
  const auto& info = guest_->info();
  facts_.key = info.key();
  facts_.uuid = info.uuid;
  attempts_.attached(facts_, Clock::now());
  tools_.names.attached(candidate_.id, facts_.key);
  if (!facts_.uuid.empty()) tools_.learned(candidate_.id, facts_.uuid, guest_->qemu_pid());
  wants_name_ = !tools_.names.alone(candidate_.id, facts_.key);
  set_name(tools_.names.claim(candidate_.id, own_name(), info.target));
  view_.attached(facts_, info);
  events_.listen(guest_->monitor(), wake_);
  find_msrs();
  pauses_ = std::make_unique<Pauses>(rules_->config.pauses);
  looks_ = std::make_unique<Looks>(*guest_, *evaluator_, rules_->policies, msrs(), pauses_.get());
  latest_.clear();
  findings_.take_over(rules_->policies, blind_);
  has_baseline_ = false;
  boot_baseline_.attached();
  kernel_key_.clear();
  actions_.runs_again();
  plan_.begin(rules_->policies, Clock::now());
  plan_map();
  next_seen_ = next_map_;
  // Only a look tells whether its kernel has booted.
  for (const auto& problem : looks_->begin_boot()) tell("error", problem);
  view_.set_state(State::booting);
  tell("attached", fmt::format("attached to {} (memory by {})", info.target, info.backend));
  ask_whether_here_ = true;
  elsewhere_ = false;
}

const std::string& GuestSession::own_name() const {
  return guest_->info().name.empty() ? candidate_.name : guest_->info().name;
}

void GuestSession::set_name(std::string name) {
  facts_.name = std::move(name);
  facts_.labels = candidate_.labels;
  for (const auto& rule : rules_->config.guests.labels)
    if (matches_guest(rule.guests, facts_.name, facts_.uuid))
      for (const auto& [label, value] : rule.labels) facts_.labels[label] = value;
}

void GuestSession::detach() {
  events_.stop();
  looks_.reset();
  evaluator_.reset();
  guest_.reset();
  tools_.names.detached(candidate_.id);
  blind_.restart();
  latest_.clear();
  findings_.forget();
}

void GuestSession::resolve_all(const std::string& why, bool unwatched_too) {
  if (!tools_.names.alone(candidate_.id, facts_.key)) return;  // it has not ended: another session watches it
  findings_.resolve_all(why, unwatched_too);
}

void GuestSession::guest_ended(const std::string& why) {
  tell("detached", why);
  long_boot_.over(why, wall_clock());
  detach();
  resolve_all(why, /*unwatched_too=*/false);
  view_.set_state(State::attaching, why);
}

void GuestSession::begin_boot(const std::string& what, const std::string& text) {
  // Firmware and QEMU reset a machine several times on its way up; that is said once.
  if (!looks_->booting()) tell(what, text);
  for (const auto& problem : looks_->begin_boot()) tell("error", problem);
  has_baseline_ = false;
  boot_baseline_.boot_began();
  kernel_key_.clear();
  blind_.restart();
  view_.set_state(State::booting);
}

std::optional<Scheduler::Clock::time_point> GuestSession::handle_events() {
  if (!guest_->monitor().connected()) {
    const std::string why =
        events_.shut_down() ? "the guest has shut down" : "QEMU has ended or closed the connection";
    guest_ended(why);
    // Whoever lets everybody in and throws them out again is not tried over and over.
    if (attempts_.was_short(Clock::now())) return failed({Errc::closed, why, {}});
    return Clock::now();
  }
  if (events_.take_memory_changed()) hasten_map();
  if (events_.take_missed()) notice_other_kernel();
  if (events_.take_reset()) begin_boot("reset", "the guest was reset; it is judged again once it is up");
  return std::nullopt;
}

/// A kernel that another one started (kexec) comes without an event. It is found by what it is.
void GuestSession::notice_other_kernel() {
  if (kernel_key_.empty()) return;
  const auto snapshot = guest_->snapshot(MsrSource::none);
  if (!snapshot) return;
  const auto kernel = guest::linux::Kernel::of(**snapshot);
  if (!kernel) return;
  const auto& identity = (*kernel)->identity();
  const std::string key = identity.build_id + fmt::format("+{:#x}", identity.slide);
  if (key != kernel_key_) begin_boot("kernel", "the guest runs another kernel now: " + identity.release);
}

/// The guest's kernel has set itself up: it gets its baseline.
void GuestSession::booted() {
  long_boot_.over("it is up", wall_clock());
  std::string release, build_id;
  {
    const auto snapshot = guest_->snapshot(MsrSource::none);
    if (snapshot)
      if (const auto kernel = guest::linux::Kernel::of(**snapshot)) {
        const auto& identity = (*kernel)->identity();
        release = identity.release;
        build_id = identity.build_id;
        kernel_key_ = identity.build_id + fmt::format("+{:#x}", identity.slide);
      }
  }
  view_.kernel(release, build_id);
  tell("booted", release.empty() ? "no Linux kernel was recognised; what needs none is checked"
                                 : "watching Linux " + release);
  if (auto taken = take_baseline(); !taken) tell("error", "no baseline: " + taken.error().message);
}

/// The stored baseline if it is of this boot; what outlives a boot of it if it is of this kernel; else a new
/// one.
Result<void> GuestSession::take_baseline() {
  using Kind = BootBaseline::Choice::Kind;
  auto store = open_baselines();
  if (!store) return fail(store.error().error);
  BootBaseline::Choice choice;
  {
    RINGSIDE_TRY(const auto snapshot, snapshot_now());
    RINGSIDE_TRY(choice,
                 boot_baseline_.choose(**store, facts_.key, *snapshot, rules_->config.watching.settle));
  }
  if (choice.kind == Kind::keep) return compare_with(*choice.before);
  if (!rules_->config.watching.learn) return {};
  RINGSIDE_TRY(auto now, present_state());
  if (choice.starts_up && now.boot) {
    policies::BootRecord boot = *now.boot;
    boot.start_up.emplace();
    now.boot = std::make_shared<const policies::BootRecord>(std::move(boot));
  }
  return choice.kind == Kind::carry ? carry(*choice.before, std::move(now)) : learn(choice.why, now);
}

/// What the guest is like now, as a baseline of it.
Result<policies::Baseline> GuestSession::present_state() {
  auto taken = take_baseline_of(*guest_, msrs(), pauses_.get());
  if (!taken && (taken.error().code == Errc::unavailable || taken.error().code == Errc::permission) &&
      rules_->config.watching.msrs == MsrSource::automatic) {
    // QEMU's process is out of sight, or may not be looked into that far. Its device state has the MSRs too,
    // for one short stop.
    RINGSIDE_CHECK(pauses_->allow(Clock::now()));
    taken = take_baseline_of(*guest_, MsrSource::vmstate, pauses_.get());
  }
  return taken;
}

Result<void> GuestSession::learn(const std::string& why, const policies::Baseline& baseline) {
  RINGSIDE_CHECK(keep_baseline(baseline));
  tools_.ledger.note("baseline.taken",
                     {{"guest", facts_.key}, {"name", facts_.name}, {"why", why}, {"kernel", kernel_key_}},
                     wall_clock());
  tell("baseline", fmt::format("baseline taken ({})", why));
  return {};
}

Result<void> GuestSession::keep_baseline(const policies::Baseline& baseline) {
  auto store = open_baselines();
  if (!store) return fail(store.error().error);
  RINGSIDE_CHECK((*store)->save(baseline));
  return compare_with(baseline);
}

Result<void> GuestSession::compare_with(const policies::Baseline& baseline) {
  RINGSIDE_CHECK(evaluator_->set_baseline(&baseline));
  has_baseline_ = true;
  const auto snapshot = guest_->snapshot(MsrSource::none);
  boot_baseline_.in_force(baseline, rules_->policies, snapshot ? snapshot->get() : nullptr,
                          rules_->config.watching.settle);
  view_.baseline(baseline.taken, boot_baseline_.report());
  return {};
}

/// The kernel is one that was seen before: what outlives a boot is compared with that boot.
Result<void> GuestSession::carry(const policies::Baseline& before, policies::Baseline now) {
  RINGSIDE_TRY(const auto baseline, policies::carry_over(before, std::move(now)));
  RINGSIDE_CHECK(keep_baseline(baseline));
  Json body = boot_baseline_.report();
  body["guest"] = facts_.key;
  body["name"] = facts_.name;
  body["kernel"] = kernel_key_;
  const std::string from = rfc3339(baseline.boot->carried->from);
  tools_.ledger.note("baseline.carried", body, wall_clock());
  tell("baseline", fmt::format("baseline of {} carried over a reboot: {}", from, boot_baseline_.summary()));
  return {};
}

/// Start-up has had its time: what it added is learned, and what it sets and is not as at the boot before
/// counts from now on.
Result<void> GuestSession::settle() {
  if (const auto status = guest_->monitor().call(qmp::query_status()); !status || !status->running) {
    boot_baseline_.settle_later();  // nothing in it has started up meanwhile
    return {};
  }
  auto store = open_baselines();
  if (!store) return fail(store.error().error);
  RINGSIDE_TRY(auto baseline, (*store)->load(facts_.key));
  if (!baseline) return fail(Errc::not_found, "the baseline was removed");
  // Somebody may have saved another one meanwhile.
  if (!baseline->boot || !baseline->boot->still_starts_up()) return compare_with(*baseline);
  RINGSIDE_TRY(const auto now, present_state());
  RINGSIDE_CHECK(policies::learn_start_up(*baseline, now));
  RINGSIDE_CHECK(keep_baseline(*baseline));
  const auto& start_up = baseline->boot->start_up;
  tools_.ledger.note("baseline.settled",
                     {{"guest", facts_.key},
                      {"name", facts_.name},
                      {"kernel", kernel_key_},
                      {"code", start_up->code},
                      {"tables", start_up->tables}},
                     wall_clock());
  tell("baseline", fmt::format("its start-up has had its time; learned of it: {}", added_by(*start_up)));
  return {};
}

Result<Json> GuestSession::accept(const FindingRecord& finding, const std::string& note,
                                  const std::string& by) {
  const std::lock_guard lock(working_);
  if (!guest_) return fail(Errc::unavailable, facts_.name + " is not attached to right now");
  if (looks_->booting()) return fail(Errc::unavailable, facts_.name + " is booting");
  const policies::Check* check = nullptr;
  for (const auto& policy : rules_->policies)
    for (const auto& one : policy.checks)
      if (policy.name == finding.policy && one.id == finding.check) check = &one;
  if (check == nullptr)
    return fail(Errc::unavailable,
                fmt::format("{}/{} is not in force any more", finding.policy, finding.check));
  auto store = open_baselines();
  if (!store) return fail(store.error().error);
  RINGSIDE_TRY(auto before, (*store)->load(facts_.key));
  if (!before || !has_baseline_)
    return fail(Errc::unavailable, facts_.name + " has no baseline; it learns one as it is watched");
  RINGSIDE_TRY(const auto now, present_state());
  RINGSIDE_TRY(auto accepted, accept_into(std::move(*before), now, *check, finding.row));
  policies::forget_accepted(accepted, now);
  RINGSIDE_CHECK(keep_baseline(accepted));
  tools_.ledger.note("baseline.accepted",
                     {{"guest", facts_.key}, {"finding", finding.id}, {"by", by}, {"note", note}},
                     wall_clock());
  plan_.begin(rules_->policies, Clock::now());
  if (wake_) wake_();
  return Json{{"guest", facts_.name}, {"finding", finding.id}};
}

}  // namespace ringside::agent
