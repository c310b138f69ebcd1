// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/boot_baseline.h"

// Before any system header can: see there.
#include "agent/output/format.h"
#include "agent/start_up_text.h"
#include "guest/linux/boot_time.h"
#include "guest/linux/linux_macro.h"
#include "policies/engine/boot_record.h"
#include "policies/engine/carry_report.h"

#include <fmt/format.h>

namespace ringside::agent {

using policies::CheckCarried;

namespace {

constexpr std::chrono::seconds kSettleAgain{30};

/// Whether the baseline is of the boot that `now` is of.
Result<bool> of_this_boot(const policies::Baseline& baseline, const policies::BootRecord& now, bool boot_seen,
                          guest::Snapshot& snapshot) {
  if (baseline.boot)
    if (const auto same = policies::same_boot(*baseline.boot, now, boot_seen)) return *same;
  // The kernel does not tell its boots apart: only what was seen does, or a kernel that has moved.
  if (boot_seen) return false;
  RINGSIDE_TRY(const auto booted, policies::booted_since(baseline, snapshot));
  return !booted;
}

}  // namespace

void BootBaseline::attached() {
  *this = {};
}

void BootBaseline::boot_began() {
  *this = {};
  boot_seen_ = true;
}

/// Whether the boot is so young that its start-up goes on. A kernel that was not seen to boot tells by its
/// clock. One that does not tell: what stands in a baseline of an earlier boot may still be about to be set.
bool BootBaseline::starts_up(guest::Snapshot& snapshot, Choice::Kind kind,
                             std::chrono::milliseconds settle) const {
  if (boot_seen_ || seen_booting_) return true;
  const auto kernel = guest::linux::Kernel::of(snapshot);
  if (!kernel) return false;
  const auto up = guest::linux::uptime(**kernel);
  return up ? *up < settle : kind == Choice::Kind::carry;
}

Result<BootBaseline::Choice> BootBaseline::choose(policies::BaselineStore& store, const std::string& guest,
                                                  guest::Snapshot& snapshot,
                                                  std::chrono::milliseconds settle) const {
  const auto record = policies::boot_record(snapshot);
  const auto learn = [&](const std::string& why) {
    return Choice{Choice::Kind::learn, std::nullopt, why, starts_up(snapshot, Choice::Kind::learn, settle)};
  };
  const std::string first = "first sight of this boot";
  RINGSIDE_TRY(auto last, store.load(guest));
  if (!last) return learn(first);
  auto before = std::move(last);
  const bool other = !record.build_id.empty() && before->boot && before->build() != record.build_id;
  if (other) {
    RINGSIDE_TRY(auto same, store.load(guest, record.build_id));
    if (!same) return learn("first sight of this kernel build; the baselines of others are kept");
    before = std::move(same);
  }
  RINGSIDE_TRY(const bool same, of_this_boot(*before, record, boot_seen_, snapshot));
  if (same) return Choice{Choice::Kind::keep, std::move(before), {}};
  if (!before->boot)
    return learn(
        "first sight of this boot; the stored baseline is of an earlier one, and of a version of ringside "
        "that did not keep of which kernel it is: it is set aside");
  if (record.build_id.empty()) return learn(first);
  return Choice{Choice::Kind::carry, std::move(before), {}, starts_up(snapshot, Choice::Kind::carry, settle)};
}

void BootBaseline::in_force(const policies::Baseline& baseline, const std::vector<policies::Policy>& policies,
                            guest::Snapshot* snapshot, std::chrono::milliseconds settle) {
  boot_seen_ = seen_booting_ = false;
  settles_at_.reset();
  report_ =
      Json{{"kernel", nullptr}, {"build_id", nullptr}, {"start_up", nullptr}, {"carried_from", nullptr}};
  summary_.clear();
  if (!baseline.boot) return;
  if (baseline.boot->still_starts_up()) settles_at_ = Clock::now() + settle;
  report_["start_up"] = start_up_json(baseline.boot->start_up);
  if (!baseline.build().empty()) {
    report_["kernel"] = baseline.boot->release;
    report_["build_id"] = baseline.build();
  }
  if (!baseline.boot->carried) return;
  const auto& carried = *baseline.boot->carried;
  report_["carried_from"] = rfc3339(carried.from);
  Json all = Json::array(), part = Json::array(), none = Json::array();
  if (snapshot != nullptr)
    if (const auto checks = policies::carry_report(baseline, policies, *snapshot))
      for (const auto& check : *checks) {
        const std::string name = check.policy + '/' + check.check;
        if (check.how == CheckCarried::How::all)
          all.push_back(name);
        else
          (check.how == CheckCarried::How::part ? part : none)
              .push_back({{"check", name}, {"why", check.why}});
      }
  summary_ = fmt::format("{} compared with it, {} in part; {} learned anew", counted(all.size(), "check"),
                         part.size(), none.size());
  report_["carried"] = std::move(all);
  report_["in_part"] = std::move(part);
  report_["learned_anew"] = std::move(none);
}

void BootBaseline::settle_later() {
  settles_at_ = Clock::now() + kSettleAgain;
}

}  // namespace ringside::agent
