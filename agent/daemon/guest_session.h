// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/attach_attempts.h"
#include "agent/daemon/blind_findings.h"
#include "agent/daemon/boot_baseline.h"
#include "agent/daemon/finding_actions.h"
#include "agent/daemon/guest_events.h"
#include "agent/daemon/latest_results.h"
#include "agent/daemon/long_boot.h"
#include "agent/daemon/open_findings.h"
#include "agent/daemon/scheduler.h"
#include "agent/daemon/session_tools.h"
#include "agent/daemon/session_view.h"
#include "agent/daemon/tick_plan.h"
#include "agent/scan/looks.h"
#include "agent/sources/guest_source.h"
#include "policies/engine/baseline.h"
#include "policies/engine/evaluator.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace ringside::agent {

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
  Json describe() const { return view_.describe(candidate_); }
  using Summary = GuestSummary;
  Summary summary() const { return view_.summary(); }
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
  bool is_here();
  const std::string& own_name() const;
  void set_name(std::string name);
  void take_name_over();
  void begin_boot(const std::string& what, const std::string& text);
  void notice_other_kernel();
  void booted();
  void use_rules();
  Result<policies::Baseline> present_state();
  Result<void> take_baseline();
  Result<void> learn(const std::string& why, const policies::Baseline& baseline);
  Result<void> carry(const policies::Baseline& before, policies::Baseline now);
  Result<void> settle();
  Result<void> keep_baseline(const policies::Baseline& baseline);
  Result<void> compare_with(const policies::Baseline& baseline);
  void plan_map();
  void hasten_map();
  void read_map();
  void judge(const Looks::Look& look, Moment now);
  void publish(const Looks::Look& look, std::chrono::microseconds took);
  void resolve_all(const std::string& why, bool unwatched_too);
  void tell(const std::string& what, const std::string& text);
  void find_msrs();
  Result<std::unique_ptr<guest::Snapshot>> snapshot_now();
  guest::live::MsrSource msrs() const;

  const GuestCandidate candidate_;
  SessionTools tools_;
  std::function<void()> wake_;
  GuestFacts facts_;
  SessionView view_;

  std::mutex working_;  ///< held while the guest is touched; guards all up to `asking_`
  std::shared_ptr<const Rules> rules_;
  // While it is attached to:
  std::unique_ptr<policies::Evaluator> evaluator_;
  std::unique_ptr<guest::live::LiveGuest> guest_;
  std::unique_ptr<Pauses> pauses_;
  std::unique_ptr<Looks> looks_;
  GuestEvents events_;
  AttachAttempts attempts_{tools_.ledger, candidate_.id};
  TickPlan plan_;
  LatestResults latest_;
  BlindFindings blind_{tools_.ledger, facts_};
  LongBoot long_boot_{tools_.ledger, facts_};
  OpenFindings findings_{tools_, facts_};
  FindingActions actions_{tools_, facts_};
  BootBaseline boot_baseline_;
  bool has_baseline_ = false;
  std::string kernel_key_;         ///< build id and slide of the kernel that is judged
  bool elsewhere_ = false;         ///< the guest of this QEMU is, as it was asked last
  bool ask_whether_here_ = false;  ///< something may have changed that
  bool wants_name_ = false;        ///< another session has the name that this guest goes by
  Clock::time_point map_read_{}, next_map_{}, next_seen_{}, calm_until_{};
  bool attaching_ = false;

  std::mutex asking_;  ///< guards what other threads ask for
  std::shared_ptr<const Rules> next_rules_;
  std::string end_why_;
  std::atomic<bool> ended_{false}, hurried_{false};
};

}  // namespace ringside::agent
