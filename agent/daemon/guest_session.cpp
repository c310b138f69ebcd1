// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/guest_session.h"

#include "agent/baseline_acceptance.h"
#include "agent/baseline_taking.h"
#include "agent/daemon/evidence_of.h"
#include "agent/libvirt/connect.h"
#include "agent/libvirt/monitor.h"
#include "agent/log.h"
#include "agent/output/format.h"
#include "agent/policies.h"
#include "guest/linux/kernel.h"
#include "qmp/commands.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::agent {

using guest::live::MsrSource;
using std::chrono::milliseconds;

namespace {

/// How often what changes without an event is looked at: memory that was plugged, last_seen on disk.
constexpr std::chrono::seconds kNowAndThen{30};
/// Events of QEMU that cannot wait are taken up this often, however many come: a guest can reset itself over
/// and over.
constexpr milliseconds kBetweenEvents{200};
/// A monitor that has answered all this time without an end to what was to be asked.
constexpr std::chrono::seconds kLongestAttach{60};
/// A connection that is lost sooner than this counts as one more failure to attach.
constexpr std::chrono::seconds kStands{10};
constexpr std::size_t kMostToOpen = 100;  // findings of one look that get evidence

Moment wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string check_key(const policies::Policy& policy, const policies::Check& check) {
  return policy.name + '/' + check.id;
}

}  // namespace

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

GuestSession::GuestSession(GuestCandidate candidate, SessionTools tools, std::shared_ptr<const Rules> rules)
    : candidate_(std::move(candidate)), tools_(tools), rules_(std::move(rules)) {
  facts_.key = candidate_.id;
  facts_.name = tools_.names.claim(candidate_.id, candidate_.name, io::to_string(candidate_.endpoint));
  facts_.uuid = candidate_.uuid;
  facts_.labels = candidate_.labels;
  shown_state_.facts = facts_;
  shown_state_.since = wall_clock();
}

GuestSession::~GuestSession() {
  const std::lock_guard lock(working_);
  detach();
  tools_.names.release(candidate_.id);
}

void GuestSession::replace_rules(std::shared_ptr<const Rules> rules) {
  const std::lock_guard lock(shown_);
  next_rules_ = std::move(rules);
}

void GuestSession::end(const std::string& why) {
  {
    const std::lock_guard lock(shown_);
    end_why_ = why;
  }
  ended_ = true;
}

void GuestSession::set_state(State state, const std::string& why) {
  const std::lock_guard lock(shown_);
  if (shown_state_.state != state) shown_state_.since = wall_clock();
  shown_state_.state = state;
  shown_state_.why = why;
  if (state != State::retry) shown_state_.next_try.reset();
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
      const std::lock_guard shown(shown_);
      why = end_why_;
    }
    if (guest_) guest_ended(why);
    resolve_all(why, /*unwatched_too=*/true);
    set_state(State::gone, why);
    return std::nullopt;
  }
  use_rules();
  if (!guest_) return attach();
  const auto now = Clock::now();
  if (woken_ && now < calm_until_) return calm_until_;
  if (woken_.exchange(false)) calm_until_ = now + kBetweenEvents;
  const auto try_again = handle_events();
  if (!guest_) return try_again;
  attachment_stands();
  return watch();
}

/// New rules: policies are other objects then, so that evaluator and looks begin anew.
void GuestSession::use_rules() {
  std::shared_ptr<const Rules> next;
  {
    const std::lock_guard lock(shown_);
    next = std::exchange(next_rules_, nullptr);
  }
  if (!next) return;
  rules_ = std::move(next);
  last_.clear();
  blind_.restart();
  if (!guest_) return;
  find_msrs();
  take_over_open_findings();
  auto evaluator = policies::Evaluator::create(rules_->policies);
  if (!evaluator) {  // they were checked when they were loaded
    tell("error", evaluator.error().message);
    return;
  }
  looks_.reset();
  evaluator_ = std::move(*evaluator);
  pauses_ = std::make_unique<Pauses>(rules_->config.pauses);
  {
    const std::lock_guard lock(shown_);
    shown_state_.pauses = 0;
    shown_state_.paused = {};
  }
  looks_ = std::make_unique<Looks>(*guest_, *evaluator_, rules_->policies, msrs(), pauses_.get());
  plan_.begin(rules_->policies, Clock::now());
  suppressed_.clear();
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

/// Tried again, each time later, for ever: whoever holds the monitor may let go of it.
std::optional<Scheduler::Clock::time_point> GuestSession::failed(const Error& error) {
  const auto now = Clock::now();
  if (!failing_since_) failing_since_ = now;
  const milliseconds longest = rules_->config.watching.longest_retry;
  const milliseconds wait = std::min(longest, milliseconds(1'000) * (1u << std::min(failures_, 10u)));
  ++failures_;
  const std::string why = error.hint.empty() ? error.message : error.message + " (" + error.hint + ")";
  if (failures_ == 1) tell("not-attached", error.message);
  set_state(State::retry, why);
  {
    const std::lock_guard lock(shown_);
    shown_state_.next_try = wall_clock() + wait;
  }
  if (now - *failing_since_ >= rules_->config.watching.unwatched_after) {
    FindingRecord record;
    record.kind = FindingRecord::Kind::unwatched;
    record.guest = facts_.key;
    record.guest_name = facts_.name;
    record.title = "A guest is not watched";
    record.message = fmt::format("{} cannot be attached to: {}", facts_.name, error.message);
    record.remediation = error.hint;
    record.severity = policies::Severity::medium;
    tools_.ledger.open(std::move(record), wall_clock());
  }
  return now + wait;
}

void GuestSession::attached() {
  attached_at_ = Clock::now();
  const auto& info = guest_->info();
  facts_.key = info.key();
  facts_.uuid = info.uuid;
  if (failures_ == 0) resolve_unwatched();
  tools_.names.attached(candidate_.id, facts_.key);
  if (!facts_.uuid.empty() && candidate_.uuid.empty()) tools_.learned(candidate_.id, facts_.uuid);
  if (!info.name.empty()) facts_.name = tools_.names.claim(candidate_.id, info.name, info.target);
  facts_.labels = candidate_.labels;
  for (const auto& rule : rules_->config.guests.labels)
    if (matches_guest(rule.guests, facts_.name, facts_.uuid))
      for (const auto& [name, value] : rule.labels) facts_.labels[name] = value;
  {
    const std::lock_guard lock(shown_);
    shown_state_.facts = facts_;
    shown_state_.qemu = info.qemu_version;
    shown_state_.accelerator = info.accelerator;
    shown_state_.backend = info.backend;
    shown_state_.baseline.reset();
    shown_state_.pauses = 0;
    shown_state_.paused = {};
    shown_state_.kernel.clear();
    shown_state_.build_id.clear();
  }
  woken_ = reset_ = shut_down_ = false;
  subscription_ = guest_->monitor().subscribe([this](const qmp::Event& event) {
    if (event.kind == qmp::EventKind::reset) reset_ = true;
    if (event.kind == qmp::EventKind::shutdown) shut_down_ = true;
    // libvirt was away: the guest may have been reset unseen.
    const bool missed = event.name == libvirt::kEventsMissed;
    if (missed) look_for_kernel_ = true;
    if ((event.kind == qmp::EventKind::other && !missed) || woken_.exchange(true)) return;
    if (wake_) wake_();
  });
  find_msrs();
  pauses_ = std::make_unique<Pauses>(rules_->config.pauses);
  looks_ = std::make_unique<Looks>(*guest_, *evaluator_, rules_->policies, msrs(), pauses_.get());
  last_.clear();
  take_over_open_findings();
  has_baseline_ = false;
  kernel_key_.clear();
  paused_for_.clear();
  plan_.begin(rules_->policies, Clock::now());
  next_map_ = next_seen_ = Clock::now() + kNowAndThen;
  // Only a look tells whether its kernel has booted.
  for (const auto& problem : looks_->begin_boot()) tell("error", problem);
  set_state(State::booting);
  tell("attached", fmt::format("attached to {} (memory by {})", info.target, info.backend));
}

/// It may have been told under either key, also by an agent before this one.
void GuestSession::resolve_unwatched() {
  failing_since_.reset();
  for (const auto& key : {candidate_.id, facts_.key}) {
    FindingRecord record;
    record.kind = FindingRecord::Kind::unwatched;
    record.guest = key;
    tools_.ledger.resolve(finding_id(record), "the guest is watched", wall_clock());
  }
}

void GuestSession::attachment_stands() {
  if (failures_ == 0 || Clock::now() - attached_at_ < kStands) return;
  failures_ = 0;
  resolve_unwatched();
}

/// What is open of this guest, of an earlier session or of other rules: it is over once its check says so, or
/// once there is no such check any more.
void GuestSession::take_over_open_findings() {
  std::set<std::string> in_force;
  for (const auto& policy : rules_->policies) {
    in_force.insert(policy.name);
    for (const auto& check : policy.checks) in_force.insert(check_key(policy, check));
  }
  stale_.clear();
  FindingStore::Filter open;
  open.guest = facts_.key;
  open.state = FindingRecord::State::open;
  open.limit = 100'000;
  const auto before = tools_.findings.list(open);
  if (!before) return;
  for (const auto& record : *before) {
    if (record.kind == FindingRecord::Kind::unwatched) continue;
    const bool blind = record.kind == FindingRecord::Kind::blind;
    const std::string key = blind ? record.policy : record.policy + '/' + record.check;
    if (!in_force.contains(key))
      tools_.ledger.resolve(record.id, "its policy is no longer in force", wall_clock());
    else if (blind)
      blind_.remember(record.policy);
    else
      stale_[key].insert(record.id);
  }
}

void GuestSession::detach() {
  subscription_.reset();
  looks_.reset();
  evaluator_.reset();
  guest_.reset();
  tools_.names.detached(candidate_.id);
  blind_.restart();
  stale_.clear();
  last_.clear();
  suppressed_.clear();
}

void GuestSession::resolve_all(const std::string& why, bool unwatched_too) {
  if (!tools_.names.alone(candidate_.id, facts_.key)) return;  // it has not ended: another session watches it
  FindingStore::Filter open;
  open.guest = facts_.key;
  open.state = FindingRecord::State::open;
  open.limit = 100'000;
  if (const auto left = tools_.findings.list(open))
    for (const auto& record : *left)
      if (unwatched_too || record.kind != FindingRecord::Kind::unwatched)
        tools_.ledger.resolve(record.id, why, wall_clock());
}

void GuestSession::guest_ended(const std::string& why) {
  tell("detached", why);
  detach();
  resolve_all(why, /*unwatched_too=*/false);
  set_state(State::attaching, why);
}

void GuestSession::begin_boot(const std::string& what, const std::string& text) {
  // Firmware and QEMU reset a machine several times on its way up; that is said once.
  if (!looks_->booting()) tell(what, text);
  for (const auto& problem : looks_->begin_boot()) tell("error", problem);
  has_baseline_ = false;
  kernel_key_.clear();
  blind_.restart();
  set_state(State::booting);
}

std::optional<Scheduler::Clock::time_point> GuestSession::handle_events() {
  if (!guest_->monitor().connected()) {
    const std::string why =
        shut_down_ ? "the guest has shut down" : "QEMU has ended or closed the connection";
    guest_ended(why);
    // Whoever lets everybody in and throws them out again is not tried over and over.
    if (failures_ != 0 || Clock::now() - attached_at_ < kStands) return failed({Errc::closed, why, {}});
    return Clock::now();
  }
  if (look_for_kernel_.exchange(false)) notice_other_kernel();
  if (reset_.exchange(false)) begin_boot("reset", "the guest was reset; it is judged again once it is up");
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
  {
    const std::lock_guard lock(shown_);
    shown_state_.kernel = release;
    shown_state_.build_id = build_id;
  }
  tell("booted", release.empty() ? "no Linux kernel was recognised; what needs none is checked"
                                 : "watching Linux " + release);
  auto stored = load_baseline(facts_.key);
  if (!stored) {
    tell("error", "baseline: " + stored.error().error.message);
  } else if (*stored) {
    const auto snapshot = snapshot_now();
    const auto other_boot = snapshot ? policies::booted_since(**stored, **snapshot)
                                     : Result<std::optional<std::string>>(std::optional<std::string>());
    if (other_boot && !*other_boot) {
      if (auto bound = evaluator_->set_baseline(&**stored); !bound) {
        tell("error", "baseline: " + bound.error().message);
      } else {
        has_baseline_ = true;
        const std::lock_guard lock(shown_);
        shown_state_.baseline = rfc3339((*stored)->taken);
      }
      return;
    }
  }
  if (!rules_->config.watching.learn) return;
  if (auto learnt = learn("first sight of this boot"); !learnt)
    tell("error", "no baseline could be taken: " + learnt.error().message);
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

Result<void> GuestSession::learn(const char* why) {
  RINGSIDE_TRY(const auto baseline, present_state());
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
  RINGSIDE_CHECK(evaluator_->set_baseline(&baseline));
  has_baseline_ = true;
  const std::lock_guard lock(shown_);
  shown_state_.baseline = rfc3339(baseline.taken);
  return {};
}

Scheduler::Clock::time_point GuestSession::watch() {
  const auto begin = Clock::now();
  const bool ticked = plan_.take(begin);
  const auto look = looks_->look([this](const policies::Policy& policy) { return plan_.due(policy); });
  if (!look) return Clock::now();  // the next step sees the closed connection
  const auto now = wall_clock();
  if (look->booted) {
    booted();
    set_state(State::watched);
    plan_.begin(rules_->policies, Clock::now());
    return Clock::now();
  }
  if (!looks_->booting()) {
    take_changes(*look, now);
    resolve_stale(*look, now);
  }
  const auto news = blind_.update(look->results, rules_->config.watching.blind_after, begin);
  for (const auto& blind : news.blind) {
    FindingRecord record;
    record.kind = FindingRecord::Kind::blind;
    record.guest = facts_.key;
    record.guest_name = facts_.name;
    record.policy = blind.policy->name;
    record.policy_version = blind.policy->version;
    record.title = "Checks cannot say anything";
    record.message = fmt::format("{} of {}: {}", counted(blind.checks.size(), "check"), blind.policy->name,
                                 blind.checks.front());
    record.severity = policies::Severity::low;
    record.row["checks"] = blind.checks;
    tools_.ledger.open(std::move(record), now);
  }
  for (const auto& policy : news.seeing) {
    FindingRecord record;
    record.kind = FindingRecord::Kind::blind;
    record.guest = facts_.key;
    record.policy = policy;
    tools_.ledger.resolve(finding_id(record), "its checks can be evaluated", now);
  }
  publish(*look, std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin));
  if (ticked && Clock::now() >= next_map_) {
    next_map_ = Clock::now() + kNowAndThen;
    // Memory that was plugged or unplugged since.
    if (!looks_->booting()) notice_other_kernel();
    if (auto refreshed = guest_->refresh_map(); !refreshed && guest_->monitor().connected())
      tell("error", "memory map: " + refreshed.error().message);
  }
  if (Clock::now() >= next_seen_) {
    next_seen_ = Clock::now() + kNowAndThen;
    std::vector<std::string> ids;
    for (const auto& [key, finding] : looks_->findings().open())
      ids.push_back(finding_id(record_of(finding)));
    tools_.ledger.seen(std::move(ids), now);
    weigh_exceptions(now);
  }
  const auto next = plan_.next();
  const auto pace = looks_->pace();
  return pace ? std::min(next, begin + *pace) : next;
}

FindingRecord GuestSession::record_of(const Finding& finding) const {
  const policies::Policy& policy = *finding.policy;
  FindingRecord record;
  record.guest = facts_.key;
  record.guest_name = facts_.name;
  record.policy = policy.name;
  record.policy_version = policy.version;
  record.check = finding.check->id;
  record.title = finding.check->title;
  record.message = finding.violation.message;
  record.remediation = policy.remediation;
  record.severity = finding.check->severity;
  record.attack = finding.check->attack.empty() ? policy.attack : finding.check->attack;
  record.fingerprint = finding.violation.fingerprint;
  record.row = json_row(finding.violation.columns, finding.violation.row);
  return record;
}

void GuestSession::take_changes(const Looks::Look& look, Moment now) {
  for (const auto& result : look.results) last_[check_key(*result.policy, *result.check)] = result;
  std::size_t with_evidence = 0;
  for (const auto& change : looks_->take(look, now)) {
    if (change.kind == Change::Kind::resolved) resolved(change.finding, now);
    if (change.kind != Change::Kind::opened) continue;
    FindingRecord record = record_of(change.finding);
    record.id = finding_id(record);
    record.suppressed_by = suppressed_[record.id] = exception_for(change.finding, now);
    const policies::CheckResult& result = last_[check_key(*change.finding.policy, *change.finding.check)];
    // One that was open before this agent started, or before new rules: no news, and nothing to act upon.
    const auto before = tools_.findings.find(record.id);
    const bool news =
        before ? before->state == FindingRecord::State::resolved : before.error().code == Errc::not_found;
    if (news && ++with_evidence <= kMostToOpen)
      if (const auto snapshot = guest_->snapshot(MsrSource::none)) {
        std::string problem;
        record.evidence =
            keep_evidence(tools_.evidence, **snapshot, result, change.finding.violation, now, problem);
        if (!problem.empty()) log::warning("evidence is not kept: " + problem);
      }
    tools_.ledger.open(record, now);
    if (!news) continue;
    tools_.metrics.finding(record.policy, record.check, record.severity);
    act(record, result, change.finding.violation, now);
  }
}

void GuestSession::resolved(const Finding& finding, Moment now) {
  const std::string id = finding_id(record_of(finding));
  suppressed_.erase(id);
  tools_.ledger.resolve(id, "it is no longer there", now);
}

std::optional<std::string> GuestSession::exception_for(const Finding& finding, Moment now) const {
  const policies::GuestFacts guest{facts_.name, facts_.uuid, facts_.labels};
  const auto* exception = rules_->exceptions.match({guest, finding.policy->name, finding.check->id,
                                                    finding.violation.columns, finding.violation.row, now});
  return exception == nullptr ? std::nullopt : std::optional(exception->id);
}

/// Exceptions expire while findings are open.
void GuestSession::weigh_exceptions(Moment now) {
  for (const auto& [key, finding] : looks_->findings().open()) {
    FindingRecord record = record_of(finding);
    record.id = finding_id(record);
    record.suppressed_by = exception_for(finding, now);
    auto& known = suppressed_[record.id];
    if (known == record.suppressed_by) continue;
    known = record.suppressed_by;
    tools_.ledger.open(std::move(record), now);
  }
}

Result<Json> GuestSession::explain(const std::string& wanted) {
  const std::lock_guard lock(working_);
  if (!guest_) return fail(Errc::unavailable, facts_.name + " is not attached to right now");
  for (const auto& [key, finding] : looks_->findings().open()) {
    const FindingRecord record = record_of(finding);
    if (finding_id(record) != wanted) continue;
    const policies::GuestFacts guest{facts_.name, facts_.uuid, facts_.labels};
    Json exceptions = Json::array();
    for (const auto& trace :
         rules_->exceptions.explain({guest, record.policy, record.check, finding.violation.columns,
                                     finding.violation.row, wall_clock()})) {
      std::string why_not;
      for (const auto& one : trace.why_not) why_not += (why_not.empty() ? "" : "; ") + one;
      exceptions.push_back({{"exception", trace.exception->id},
                            {"matches", trace.why_not.empty()},
                            {"why_not", why_not},
                            {"reason", trace.exception->reason},
                            {"owner", trace.exception->owner},
                            {"file", fmt::format("{}:{}", trace.exception->file, trace.exception->line)}});
    }
    const auto matching = exception_for(finding, wall_clock());
    return Json{{"finding", wanted},
                {"policy", record.policy},
                {"check", record.check},
                {"message", record.message},
                {"suppressed_by", matching ? Json(*matching) : Json()},
                {"says", matching             ? "exception " + *matching + " silences it"
                         : exceptions.empty() ? "there is no exception for policy " + record.policy
                                              : "no exception matches"},
                {"exceptions", std::move(exceptions)}};
  }
  return fail(Errc::unavailable, "finding " + wanted + " is not open on a guest that is watched now",
              "only open findings can be explained");
}

/// Findings of before this session, or of before new rules, whose checks have spoken since.
void GuestSession::resolve_stale(const Looks::Look& look, Moment now) {
  if (stale_.empty()) return;
  for (const auto& result : look.results) {
    const auto known = stale_.find(check_key(*result.policy, *result.check));
    if (known == stale_.end() || result.verdict == policies::Verdict::unknown || !result.reasons.empty())
      continue;
    for (const auto& violation : result.violations) {
      const Finding finding{result.policy, result.check, violation, now, now};
      known->second.erase(finding_id(record_of(finding)));
    }
    for (const auto& id : known->second) tools_.ledger.resolve(id, "it is no longer there", now);
    stale_.erase(known);
  }
}

void GuestSession::act(const FindingRecord& record, const policies::CheckResult& result,
                       const policies::Violation& violation, Moment now) {
  // What a policy that only observes could do is no refusal: `ringside guests` and the policies say the mode.
  if (result.policy->mode != policies::Mode::enforce) return;
  for (const auto& action : result.check->actions) {
    if (!needs_leave(action)) continue;
    if (const auto why = refusal(action, rules_->config, facts_, record.suppressed_by.has_value())) {
      tools_.metrics.action(action, false);
      tools_.ledger.action(record, action, false, *why, now);
      continue;
    }
    if (auto allowed = tools_.breaker.allow(rules_->config.breaker, facts_.key, Clock::now()); !allowed) {
      tools_.metrics.action(action, false);
      tools_.ledger.action(record, action, false, allowed.error().message, now);
      continue;
    }
    auto done = [&]() -> Result<std::string> {
      if (action == "pause") {
        auto paused = pause_guest(*guest_);
        if (paused) paused_for_ = record.id;
        return paused;
      }
      if (action == "dump")
        return dump_guest(*guest_, tools_.state_directory + "/dumps",
                          fmt::format("{}-{}.elf", record.id, now.time_since_epoch().count()),
                          rules_->config.dump_bytes);
      const auto baseline = load_baseline(facts_.key);
      return restore_violation(*guest_, baseline && *baseline && has_baseline_ ? &**baseline : nullptr,
                               result, violation);
    }();
    tools_.metrics.action(action, done.has_value());
    tools_.ledger.action(record, action, done.has_value(), done ? *done : done.error().message, wall_clock());
  }
}

void GuestSession::publish(const Looks::Look& look, std::chrono::microseconds took) {
  Tally tally;
  for (const auto& result : look.results) last_[check_key(*result.policy, *result.check)] = result;
  for (const auto& [key, result] : last_) {
    tally.ok += result.verdict == policies::Verdict::ok;
    tally.violated += result.verdict == policies::Verdict::violated;
    tally.unknown += result.verdict == policies::Verdict::unknown;
    tally.not_applicable += result.verdict == policies::Verdict::not_applicable;
  }
  tools_.metrics.look(facts_.name, took);
  std::map<std::string, policies::Verdict> policies;
  for (const auto& result : look.results) {
    auto& worst = policies.emplace(result.policy->name, policies::Verdict::ok).first->second;
    if (result.verdict == policies::Verdict::violated ||
        (result.verdict == policies::Verdict::unknown && worst != policies::Verdict::violated))
      worst = result.verdict;
  }
  for (const auto& [policy, verdict] : policies) tools_.metrics.scanned(policy, verdict);
  const auto status = guest_->monitor().call(qmp::query_status());
  const bool running = status && status->running;
  if (running) paused_for_.clear();
  const std::lock_guard lock(shown_);
  auto& shown = shown_state_;
  const State state = looks_->booting()    ? State::booting
                      : running || !status ? State::watched
                                           : State::stopped;
  if (shown.state != state) shown.since = wall_clock();
  shown.state = state;
  shown.why = state != State::stopped ? look.unread.value_or("")
              : paused_for_.empty()
                  ? "the guest does not run: " + status->status
                  : fmt::format("ringside paused it for finding {}; `cont` lets it run", paused_for_);
  shown.last_tick = wall_clock();
  for (const auto& [policy, verdict] : policies)
    if (verdict != policies::Verdict::unknown) shown.scanned[policy] = *shown.last_tick;
  shown.checks = tally;
  shown.findings = looks_->findings().open().size();
  shown.undecided = looks_->undecided();
  shown.ticks = plan_.ticks();
  shown.missed = plan_.missed();
  shown.tick = took;
  if (pauses_->count() > shown.pauses)
    tools_.metrics.paused(facts_.name, pauses_->total() - shown.paused);  // one a look, as a rule
  shown.pauses = pauses_->count();
  shown.paused = pauses_->total();
}

GuestSession::Summary GuestSession::summary() const {
  const std::lock_guard lock(shown_);
  const auto& shown = shown_state_;
  return {shown.state, shown.facts,   shown.checks, shown.findings, shown.ticks,  shown.missed,
          shown.tick,  shown.backend, shown.kernel, shown.build_id, shown.scanned};
}

Json GuestSession::describe() const {
  const std::lock_guard lock(shown_);
  const auto& shown = shown_state_;
  const auto time = [](const std::optional<Moment>& at) { return at ? Json(rfc3339(*at)) : Json(); };
  Json labels = Json::object();
  for (const auto& [name, value] : shown.facts.labels) labels[name] = value;
  return {{"name", shown.facts.name},
          {"key", shown.facts.key},
          {"uuid", shown.facts.uuid},
          {"source", candidate_.source},
          {"target", io::to_string(candidate_.endpoint)},
          {"labels", std::move(labels)},
          {"state", to_string(shown.state)},
          {"since", rfc3339(shown.since)},
          {"why", shown.why},
          {"next_try", time(shown.next_try)},
          {"kernel", shown.kernel},
          {"build_id", shown.build_id},
          {"qemu", shown.qemu},
          {"accelerator", shown.accelerator},
          {"backend", shown.backend},
          {"baseline", shown.baseline ? Json{{"taken", *shown.baseline}} : Json()},
          {"checks",
           {{"ok", shown.checks.ok},
            {"violated", shown.checks.violated},
            {"unknown", shown.checks.unknown},
            {"not_applicable", shown.checks.not_applicable},
            {"undecided", shown.undecided}}},
          {"findings", shown.findings},
          {"ticks", shown.ticks},
          {"missed", shown.missed},
          {"last_tick", time(shown.last_tick)},
          {"tick_milliseconds", static_cast<double>(shown.tick.count()) / 1000},
          {"pauses",
           {{"count", shown.pauses}, {"milliseconds", static_cast<double>(shown.paused.count()) / 1000}}}};
}

Result<Json> GuestSession::query(const std::string& sql) {
  const std::lock_guard lock(working_);
  if (!guest_) return fail(Errc::unavailable, facts_.name + " is not attached to right now");
  RINGSIDE_TRY(const auto snapshot, snapshot_now());
  RINGSIDE_TRY(auto database, policies::Database::create());
  auto info = database->describe(sql);
  if (!info) return fail(Errc::invalid_argument, info.error().message);
  if (auto bound = bind_needed_baseline(*database, *info, *snapshot); !bound)
    return fail(bound.error().error);
  database->bind(snapshot.get());
  policies::QueryLimits limits;
  limits.max_rows = 10'000;
  limits.cut = true;
  RINGSIDE_TRY(const auto answer, database->query(sql, limits));
  Json columns = Json::array(), rows = Json::array();
  for (const auto& column : answer.columns) columns.push_back(column.name);
  for (const auto& row : answer.rows) {
    Json cells = Json::array();
    for (std::size_t i = 0; i < row.size(); ++i) cells.push_back(json_cell(row[i], answer.columns[i].type));
    rows.push_back(std::move(cells));
  }
  return Json{{"columns", std::move(columns)}, {"rows", std::move(rows)}, {"incomplete", answer.incomplete}};
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
  RINGSIDE_TRY(const auto accepted, accept_into(std::move(*before), now, *check, finding.row));
  RINGSIDE_CHECK(keep_baseline(accepted));
  tools_.ledger.note("baseline.accepted",
                     {{"guest", facts_.key}, {"finding", finding.id}, {"by", by}, {"note", note}},
                     wall_clock());
  plan_.begin(rules_->policies, Clock::now());
  if (wake_) wake_();
  return Json{{"guest", facts_.name}, {"finding", finding.id}};
}

}  // namespace ringside::agent
