// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/config/config.h"
#include "agent/daemon/actions.h"
#include "agent/daemon/blind_checks.h"
#include "agent/daemon/guest_facts.h"
#include "agent/daemon/guest_names.h"
#include "agent/daemon/guest_summary.h"
#include "agent/daemon/ledger.h"
#include "agent/daemon/metrics.h"
#include "agent/daemon/scheduler.h"
#include "agent/daemon/tick_plan.h"
#include "agent/scan/looks.h"
#include "agent/scan/report.h"
#include "agent/sources/guest_source.h"
#include "policies/engine/baseline.h"
#include "policies/engine/evaluator.h"
#include "policies/exceptions/exception_set.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ringside::agent {

/// What all sessions work with. Thread-safe parts only; all must outlive the sessions.
struct SessionTools {
  io::EventLoop& loop;
  std::string state_directory;
  /// What is known of kernels, once for all guests.
  std::shared_ptr<guest::live::KernelStore> kernels;
  std::shared_ptr<guest::live::GoldenFiles> golden;
  Ledger& ledger;
  FindingStore& findings;
  EvidenceStore& evidence;
  CircuitBreaker& breaker;
  Metrics& metrics;
  GuestNames& names;
  /// Told which UUID the guest of a candidate has.
  std::function<void(const std::string& id, const std::string& uuid)> learned;
};

/// The rules that are in force: replaced as a whole.
struct Rules {
  std::vector<policies::Policy> policies;
  policies::ExceptionSet exceptions;
  Config config;
};

/// One guest under the daemon's eyes: attach, let it boot, learn or load its baseline, look, detach; again
/// and again as the guest ends and comes back. step() and whatever touches the guest exclude each other; all
/// is thread-safe.
class GuestSession {
 public:
  using State = GuestState;

  GuestSession(GuestCandidate candidate, SessionTools tools, std::shared_ptr<const Rules> rules);
  ~GuestSession();

  /// Something happened that cannot wait: called from any thread, must not block.
  void on_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  /// Does what is due; says when the next thing is.
  std::optional<Scheduler::Clock::time_point> step();
  /// New rules, from the next step on.
  void replace_rules(std::shared_ptr<const Rules> rules);
  /// The agent is to end: what takes long is called off.
  void hurry() { hurried_ = true; }
  /// Detaches for good. `why`: of the guest's end, in words.
  void end(const std::string& why);

  /// For `ringside guests`.
  Json describe() const;
  using Summary = GuestSummary;
  Summary summary() const;
  const GuestCandidate& candidate() const { return candidate_; }

  /// What each exception for the policy of one of its open findings says of it.
  Result<Json> explain(const std::string& finding);
  Result<Json> query(const std::string& sql);
  /// Takes the guest's present state as its baseline.
  Result<Json> accept(const FindingRecord& finding, const std::string& note, const std::string& by);

 private:
  using Clock = Scheduler::Clock;
  std::optional<Clock::time_point> attach();
  std::optional<Clock::time_point> failed(const Error& error);
  void attached();
  void detach();
  Clock::time_point watch();
  /// If the guest has gone: when to try again.
  std::optional<Clock::time_point> handle_events();
  void guest_ended(const std::string& why);
  void begin_boot(const std::string& what, const std::string& text);
  void notice_other_kernel();
  void booted();
  void use_rules();
  Result<policies::Baseline> present_state();
  Result<void> learn(const char* why);
  Result<void> keep_baseline(const policies::Baseline& baseline);
  void take_changes(const Looks::Look& look, Moment now);
  void resolved(const Finding& finding, Moment now);
  void act(const FindingRecord& record, const policies::CheckResult& result,
           const policies::Violation& violation, Moment now);
  void resolve_stale(const Looks::Look& look, Moment now);
  void resolve_all(const std::string& why, bool unwatched_too);
  void resolve_unwatched();
  /// A connection that has lasted counts as success.
  void attachment_stands();
  void take_over_open_findings();
  FindingRecord record_of(const Finding& finding) const;
  std::optional<std::string> exception_for(const Finding& finding, Moment now) const;
  void weigh_exceptions(Moment now);
  void tell(const std::string& what, const std::string& text);
  void set_state(State state, const std::string& why = {});
  void publish(const Looks::Look& look, std::chrono::microseconds took);
  void find_msrs();
  Result<std::unique_ptr<guest::Snapshot>> snapshot_now();
  guest::live::MsrSource msrs() const;

  GuestCandidate candidate_;
  SessionTools tools_;
  std::function<void()> wake_;

  std::mutex working_;  ///< held while the guest is touched
  std::shared_ptr<const Rules> rules_;
  std::unique_ptr<policies::Evaluator> evaluator_;
  std::unique_ptr<guest::live::LiveGuest> guest_;
  std::unique_ptr<Pauses> pauses_;
  std::unique_ptr<Looks> looks_;
  qmp::Subscription subscription_;
  TickPlan plan_;
  BlindChecks blind_;
  GuestFacts facts_;
  bool has_baseline_ = false;
  std::string kernel_key_;  ///< build id and slide of the kernel that is judged
  std::string paused_for_;  ///< the finding for which it was paused, while it stands still
  unsigned failures_ = 0;
  std::optional<Clock::time_point> failing_since_;
  Clock::time_point attached_at_{}, next_map_{}, next_seen_{}, calm_until_{};
  /// Open findings of before this session, by "policy/check": resolved once their check says that they are no
  /// more.
  std::map<std::string, std::set<std::string>> stale_;
  std::map<std::string, policies::CheckResult> last_;  ///< by "policy/check"
  std::map<std::string, std::optional<std::string>>
      suppressed_;  ///< exceptions of open findings, by their id

  std::atomic<bool> woken_{false}, reset_{false}, look_for_kernel_{false}, shut_down_{false}, ended_{false},
      hurried_{false};
  bool attaching_ = false;    ///< for the worker only
  mutable std::mutex shown_;  ///< for what describe() and summary() show
  std::shared_ptr<const Rules> next_rules_;
  std::string end_why_;
  struct Shown {
    State state = State::attaching;
    std::string why;
    Moment since{};
    std::optional<Moment> next_try, last_tick;
    GuestFacts facts;
    std::string kernel, build_id, qemu, accelerator, backend, status;
    std::optional<std::string> baseline;
    Tally checks;
    std::size_t findings = 0, undecided = 0;
    std::uint64_t ticks = 0, missed = 0, pauses = 0;
    std::map<std::string, Moment> scanned;
    std::chrono::microseconds tick{0}, paused{0};
  } shown_state_;
};

}  // namespace ringside::agent
