// SPDX-License-Identifier: Apache-2.0
#include "policies/engine/evaluator.h"

#include "guest/linux/golden/golden_store.h"
#include "guest/linux/golden/kernel_reference.h"
#include "guest/x86/page_tables.h"
#include "policies/engine/compile.h"
#include "policies/engine/fingerprint.h"
#include "policies/engine/message.h"
#include "policies/engine/over_reboot.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace ringside::policies {

namespace {

using guest::RegisterGroups;

constexpr std::string_view kNoBaseline = "no baseline: run `ringside baseline save`";
// Rows of one check that are kept; a guest that breaks everything must not fill our memory.
constexpr QueryLimits kCheckLimits{.max_rows = 1000, .time = std::chrono::milliseconds{10'000}, .cut = true};

/// How often what a policy was computed from may change before its checks are watched one by one.
constexpr unsigned kChangesUntilSplit = 3;
/// Checks that read megabytes read the same ones: apart, each would keep and compare them again.
constexpr std::size_t kMostToSplit = 1u << 20;

using Checks = std::vector<const Check*>;

/// What the last evaluation of some checks of a policy said, and what it was computed from.
struct Memo {
  std::vector<CheckResult> results;  ///< one a check
  guest::ReadSet reads;
  std::vector<guest::x86::CpuState> cpus;
  guest::memory::MemoryMap map;
  std::uint64_t golden = 0;  ///< GoldenStore::revision(): vendors' files are in no read set
  bool reusable = false;

  Checks checks() const {
    Checks all;
    for (const CheckResult& result : results) all.push_back(result.check);
    return all;
  }
};

/// A policy's memos; each of its checks is in one of them. At first there is one: checks of one policy read
/// much in common. A check that was evaluated on its own afterwards has a memo of its own, until the first
/// one has to be evaluated again: then all are one again. A policy that is computed from what changes all the
/// time is split for good, so that what changes costs the checks that look at it only.
struct Memos {
  std::vector<Memo> all;  ///< empty: never evaluated
  bool split = false;
  unsigned changes = 0;  ///< evaluations of the first one because something had changed
};

/// Notes what a snapshot reads while it lives.
class Recording {
 public:
  Recording(guest::Snapshot& snapshot, guest::ReadSet& into)
      : snapshot_(snapshot), before_(snapshot.record_into(&into)) {}
  ~Recording() { snapshot_.record_into(before_); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  guest::Snapshot& snapshot_;
  guest::ReadSet* before_;
};

class EvaluatorImpl final : public Evaluator {
 public:
  EvaluatorImpl(const std::vector<Policy>& policies, std::unique_ptr<Database> database)
      : policies_(policies), memos_(policies.size()), database_(std::move(database)) {}

  Result<void> set_baseline(const Baseline* baseline) override;
  std::vector<CheckResult> evaluate(guest::Snapshot& snapshot) override;
  std::vector<CheckResult> evaluate(const Policy& policy, guest::Snapshot& snapshot) override;
  std::vector<CheckResult> evaluate(const std::set<const Check*>& checks, guest::Snapshot& snapshot) override;
  std::vector<CheckResult> tick(guest::Snapshot& snapshot, guest::memory::PhysicalMemory& memory,
                                unsigned* evaluated, const std::function<bool(const Policy&)>& due) override;

 private:
  Memo run(const Policy& policy, const Checks& checks, guest::Snapshot& snapshot);
  void evaluate_apart(const Policy& policy, Memos& memos, const std::set<const Check*>& wanted,
                      guest::Snapshot& snapshot, std::vector<CheckResult>& results);
  bool refresh(const Policy& policy, Memos& memos, std::uint64_t golden, guest::Snapshot& snapshot,
               guest::memory::PhysicalMemory& memory);
  CheckResult run_check(const Policy& policy, const Check& check, bool& reusable);
  void take_rows(CheckResult& result, QueryResult rows) const;
  std::vector<std::string> missing_in_baseline(const Check& check) const;
  std::vector<std::string> incomplete_in_baseline(const Check& check) const;
  bool stands(Memo& memo, std::uint64_t golden, guest::Snapshot& snapshot,
              guest::memory::PhysicalMemory& memory) const;

  const std::vector<Policy>& policies_;
  std::vector<Memos> memos_;  // one a policy
  std::unique_ptr<Database> database_;
  std::optional<Baseline> baseline_;
};

std::uint64_t golden_revision(const guest::Snapshot& snapshot) {
  auto* const store = snapshot.kept<guest::linux::GoldenStore>();
  return store == nullptr ? 0 : store->revision();
}

/// As select(), for policies that need the vendor's kernel. Only "nothing of that release was imported" makes
/// them not applicable: of what was imported but does not fit, a guest may have been made to say so.
std::optional<std::pair<Verdict, std::string>> select_golden(guest::Snapshot& snapshot) {
  const auto kernel = guest::linux::Kernel::of(snapshot);
  if (!kernel) return std::pair(Verdict::unknown, kernel.error().message);
  const auto reference = guest::linux::golden_reference(**kernel);
  if (reference) return std::nullopt;
  if (reference.error().code != Errc::not_found)
    return std::pair(Verdict::unknown, reference.error().message);
  return std::pair(Verdict::not_applicable, "not compared: " + reference.error().message);
}

/// nullopt: the guest matches; else the verdict and its reason.
std::optional<std::pair<Verdict, std::string>> select(const GuestSelector& selector,
                                                      guest::Snapshot& snapshot) {
  const auto& accelerator = snapshot.info().accelerator;
  if (!selector.accelerators.empty() && std::find(selector.accelerators.begin(), selector.accelerators.end(),
                                                  accelerator) == selector.accelerators.end())
    return std::pair(Verdict::not_applicable, "the accelerator is " + accelerator);
  if (selector.golden)
    if (auto excluded = select_golden(snapshot)) return excluded;
  if (selector.paging.empty() && !selector.nx) return std::nullopt;
  std::string mode;
  for (const auto& cpu : snapshot.cpus(RegisterGroups::control)) {
    if ((cpu.cr0 & guest::x86::cr0::kPg) == 0) continue;
    if (mode.empty()) mode = guest::x86::to_string(cpu.paging_mode());
    if (selector.nx && (cpu.efer & guest::x86::efer::kNxe) == 0)
      return std::pair(Verdict::not_applicable, "vCPU " + std::to_string(cpu.index) + " does not use NX");
  }
  if (mode.empty()) return std::pair(Verdict::unknown, std::string("no vCPU has paging on yet"));
  if (!selector.paging.empty() &&
      std::find(selector.paging.begin(), selector.paging.end(), mode) == selector.paging.end())
    return std::pair(Verdict::not_applicable, "the paging mode is " + mode);
  return std::nullopt;
}

/// Page walks start at CR3, which changes with the running task, but what they find in the kernel half does
/// not: every task's root has the same entries there. So a verdict stands under another root if that root
/// holds the very entries that were looked at. Accessed and dirty bits (5 and 6) say nothing of what is
/// mapped.
bool roots_agree(guest::ReadSet& reads, const std::vector<guest::x86::CpuState>& before,
                 const std::vector<guest::x86::CpuState>& now, guest::memory::PhysicalMemory& memory) {
  using guest::x86::PagingMode;
  if (before.size() != now.size()) return false;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto old_root = guest::x86::PagingRoot::of(before[i]),
               new_root = guest::x86::PagingRoot::of(now[i]);
    if (old_root.table == new_root.table || old_root.mode == PagingMode::none) continue;
    const std::size_t size = old_root.mode == PagingMode::pae ? 32 : guest::kPageSize;
    const std::size_t stride = old_root.mode == PagingMode::two_level ? 4 : 8;
    if (!reads.holds_at(old_root.table, new_root.table, size, stride, ~std::uint64_t{0x60}, memory))
      return false;
  }
  return true;
}

Result<void> EvaluatorImpl::set_baseline(const Baseline* baseline) {
  for (auto& memos : memos_)
    for (auto& memo : memos.all) memo.reusable = false;
  baseline_ = baseline == nullptr ? std::nullopt : std::optional(*baseline);
  return database_->bind_baseline(baseline_ ? &*baseline_ : nullptr);
}

/// Why the baseline cannot serve this check at all.
std::vector<std::string> EvaluatorImpl::missing_in_baseline(const Check& check) const {
  if (!baseline_) return {std::string(kNoBaseline)};
  std::vector<std::string> reasons;
  for (const auto& name : check.baseline_tables) {
    const auto stored = baseline_->tables.find(name);
    if (stored == baseline_->tables.end()) {
      reasons.push_back("the baseline does not hold table `" + name + "`: save it again");
      continue;
    }
    if (!check.unchanged || check.unchanged->table != name) continue;
    for (const auto& columns : {check.unchanged->key, check.unchanged->columns})
      for (const auto& column : columns)
        if (std::find(stored->second.columns.begin(), stored->second.columns.end(), column) ==
            stored->second.columns.end())
          reasons.push_back(
              fmt::format("the baseline does not hold column `{}.{}`: save it again", name, column));
  }
  return reasons;
}

std::vector<std::string> EvaluatorImpl::incomplete_in_baseline(const Check& check) const {
  std::vector<std::string> reasons;
  for (const auto& name : check.baseline_tables)
    if (const auto stored = baseline_->tables.find(name); stored != baseline_->tables.end())
      for (const auto& reason : stored->second.incomplete) reasons.push_back("baseline: " + reason);
  return reasons;
}

/// Whether a row that is there on both sides differs only where a side that was not read wholly has no value:
/// that is no change that anybody has seen. `row` is as compile_unchanged() selects it.
bool differs_by_unread(const Unchanged& unchanged, const std::vector<Value>& row, bool unreadable_now,
                       bool unreadable_then) {
  const std::size_t first = 1 + unchanged.key.size(), count = unchanged.columns.size();
  const auto* change = std::get_if<std::string>(&row[0]);
  if (change == nullptr || *change == kChangeGone || *change == kChangeNew || row.size() != first + 2 * count)
    return false;
  for (std::size_t i = first; i < first + count; ++i) {
    const Value &now = row[i], &then = row[i + count];
    const bool unread = (unreadable_now && std::holds_alternative<std::monostate>(now)) ||
                        (unreadable_then && std::holds_alternative<std::monostate>(then));
    if (now != then && !unread) return false;
  }
  return true;
}

void EvaluatorImpl::take_rows(CheckResult& result, QueryResult rows) const {
  const Check& check = *result.check;
  const auto in_baseline = incomplete_in_baseline(check);
  const bool unreadable_now = !rows.incomplete.empty(), unreadable_then = !in_baseline.empty();
  std::vector<std::string> waiting;
  for (auto& row : rows.rows) {
    if (check.unchanged && !row.empty()) {
      // A row that is missing on a side that was not read wholly may well be there.
      const auto* change = std::get_if<std::string>(&row[0]);
      if (change != nullptr &&
          ((*change == kChangeGone && unreadable_now) || (*change == kChangeNew && unreadable_then)))
        continue;
      if (differs_by_unread(*check.unchanged, row, unreadable_now, unreadable_then)) continue;
    }
    const auto reboot = over_reboot(baseline_ ? &*baseline_ : nullptr, check, rows.columns, row);
    if (reboot.waits) {
      waiting.push_back(reboot.words);
      continue;
    }
    Violation violation;
    violation.message =
        fill_message(check.message.empty() ? check.title : check.message, rows.columns, row) + reboot.words;
    violation.fingerprint = fingerprint(*result.policy, check, rows.columns, row);
    violation.identity = identity(violation.fingerprint, rows.columns, row);
    violation.columns = rows.columns;
    violation.row = std::move(row);
    result.violations.push_back(std::move(violation));
  }
  result.reasons = std::move(rows.incomplete);
  result.reasons.insert(result.reasons.end(), in_baseline.begin(), in_baseline.end());
  result.reasons.insert(result.reasons.end(), waiting.begin(), waiting.end());
  if (!result.violations.empty())
    result.verdict = Verdict::violated;
  else
    result.verdict = result.reasons.empty() ? Verdict::ok : Verdict::unknown;
}

CheckResult EvaluatorImpl::run_check(const Policy& policy, const Check& check, bool& reusable) {
  CheckResult result{&policy, &check, Verdict::unknown, {}, {}};
  if (check.needs_baseline()) {
    result.reasons = missing_in_baseline(check);
    if (!result.reasons.empty()) return result;
  }
  // What QEMU says of the machine is in no read set.
  const auto info = database_->describe(check.query);
  if (!info || std::find(info->tables.begin(), info->tables.end(), "guest") != info->tables.end())
    reusable = false;
  auto rows = database_->query(check.query, kCheckLimits);
  if (!rows) {
    reusable = false;
    result.reasons.push_back(rows.error().message);
    return result;
  }
  take_rows(result, std::move(*rows));
  if (check.needs_baseline() && !result.violations.empty()) {
    const auto booted = booted_since(*baseline_, *database_);
    if (booted && *booted) {
      result.violations.clear();
      result.verdict = Verdict::unknown;
      result.reasons = {**booted};
    }
  }
  return result;
}

Checks checks_of(const Policy& policy) {
  Checks all;
  for (const Check& check : policy.checks) all.push_back(&check);
  return all;
}

Memo EvaluatorImpl::run(const Policy& policy, const Checks& checks, guest::Snapshot& snapshot) {
  Memo memo;
  memo.reusable = true;
  const Recording recording(snapshot, memo.reads);
  database_->bind(&snapshot);
  const auto excluded = select(policy.guests, snapshot);
  for (const Check* check : checks)
    memo.results.push_back(excluded ? CheckResult{&policy, check, excluded->first, {}, {excluded->second}}
                                    : run_check(policy, *check, memo.reusable));
  database_->bind(nullptr);
  memo.cpus = snapshot.cpus(RegisterGroups::none);
  memo.map = snapshot.map();
  memo.golden = golden_revision(snapshot);
  return memo;
}

std::vector<CheckResult> EvaluatorImpl::evaluate(const Policy& policy, guest::Snapshot& snapshot) {
  Memo memo = run(policy, checks_of(policy), snapshot);
  auto results = memo.results;
  const auto found =
      std::find_if(policies_.begin(), policies_.end(), [&](const Policy& one) { return &one == &policy; });
  if (found != policies_.end()) {
    Memos& memos = memos_[static_cast<std::size_t>(found - policies_.begin())];
    memos = Memos{};
    memos.all.push_back(std::move(memo));
  }
  return results;
}

/// Evaluates those checks of `memos` that are wanted, and takes them out of the memos that speak of others
/// too: what those were computed from says nothing of them any more.
void EvaluatorImpl::evaluate_apart(const Policy& policy, Memos& memos, const std::set<const Check*>& wanted,
                                   guest::Snapshot& snapshot, std::vector<CheckResult>& results) {
  std::vector<Memo> apart;
  for (Memo& memo : memos.all) {
    Checks checks = memo.checks();
    std::erase_if(checks, [&](const Check* check) { return !wanted.contains(check); });
    if (checks.empty()) continue;
    Memo again = run(policy, checks, snapshot);
    results.insert(results.end(), again.results.begin(), again.results.end());
    if (checks.size() == memo.results.size()) {
      memo = std::move(again);
      continue;
    }
    std::erase_if(memo.results, [&](const CheckResult& result) { return wanted.contains(result.check); });
    apart.push_back(std::move(again));
  }
  std::move(apart.begin(), apart.end(), std::back_inserter(memos.all));
}

std::vector<CheckResult> EvaluatorImpl::evaluate(const std::set<const Check*>& checks,
                                                 guest::Snapshot& snapshot) {
  std::vector<CheckResult> results;
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    const Policy& policy = policies_[i];
    if (!memos_[i].all.empty()) {
      evaluate_apart(policy, memos_[i], checks, snapshot, results);
      continue;
    }
    // The first tick evaluates all of the policy.
    Checks own = checks_of(policy);
    std::erase_if(own, [&](const Check* check) { return !checks.contains(check); });
    if (own.empty()) continue;
    for (auto& result : run(policy, own, snapshot).results) results.push_back(std::move(result));
  }
  return results;
}

std::vector<CheckResult> EvaluatorImpl::evaluate(guest::Snapshot& snapshot) {
  std::vector<CheckResult> all;
  for (const auto& policy : policies_)
    for (auto& result : evaluate(policy, snapshot)) all.push_back(std::move(result));
  return all;
}

/// True if nothing that the verdict was computed from has changed.
bool EvaluatorImpl::stands(Memo& memo, std::uint64_t golden, guest::Snapshot& snapshot,
                           guest::memory::PhysicalMemory& memory) const {
  return memo.reusable && memo.map == snapshot.map() && memo.golden == golden &&
         memo.reads.registers_equal(memo.cpus, snapshot.cpus(RegisterGroups::none)) &&
         roots_agree(memo.reads, memo.cpus, snapshot.cpus(RegisterGroups::none), memory) &&
         memo.reads.unchanged_in(memory);
}

/// Evaluates again what does not stand; false if all of it did.
bool EvaluatorImpl::refresh(const Policy& policy, Memos& memos, std::uint64_t golden,
                            guest::Snapshot& snapshot, guest::memory::PhysicalMemory& memory) {
  const auto all_as_one = [&] {
    memos.all.clear();
    memos.all.push_back(run(policy, checks_of(policy), snapshot));
  };
  if (memos.all.empty()) {
    all_as_one();
    return true;
  }
  bool changed = false;
  for (std::size_t i = 0; i < memos.all.size(); ++i) {
    Memo& memo = memos.all[i];
    if (stands(memo, golden, snapshot, memory)) continue;
    changed = true;
    if (i > 0 || memos.split) {
      memo = run(policy, memo.checks(), snapshot);
      continue;
    }
    ++memos.changes;
    all_as_one();
  }
  if (!memos.split && memos.changes >= kChangesUntilSplit && policy.checks.size() > 1 &&
      memos.all[0].reads.bytes() <= kMostToSplit) {
    memos.all.clear();
    memos.split = true;
    for (const Check* check : checks_of(policy)) memos.all.push_back(run(policy, {check}, snapshot));
  }
  return changed;
}

std::vector<CheckResult> EvaluatorImpl::tick(guest::Snapshot& snapshot, guest::memory::PhysicalMemory& memory,
                                             unsigned* evaluated,
                                             const std::function<bool(const Policy&)>& due) {
  std::vector<CheckResult> all;
  unsigned count = 0;
  const std::uint64_t golden = golden_revision(snapshot);
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    if (due && !due(policies_[i])) continue;
    if (refresh(policies_[i], memos_[i], golden, snapshot, memory)) ++count;
    const std::size_t first = all.size();
    for (const Memo& memo : memos_[i].all) all.insert(all.end(), memo.results.begin(), memo.results.end());
    std::sort(all.begin() + static_cast<std::ptrdiff_t>(first), all.end(),
              [](const CheckResult& a, const CheckResult& b) { return std::less<>{}(a.check, b.check); });
  }
  if (evaluated != nullptr) *evaluated = count;
  return all;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::violated:
      return "violated";
    case Verdict::unknown:
      return "unknown";
    case Verdict::not_applicable:
      return "not applicable";
  }
  return "?";
}

Result<std::unique_ptr<Evaluator>> Evaluator::create(const std::vector<Policy>& policies) {
  RINGSIDE_TRY(auto database, Database::create());
  for (const auto& policy : policies)
    for (const auto& check : policy.checks)
      if (const auto wrong = database->check(check.query))
        return fail(Errc::invalid_argument,
                    "policy " + policy.name + ", check " + check.id + ": " + wrong->message);
  return std::make_unique<EvaluatorImpl>(policies, std::move(database));
}

}  // namespace ringside::policies
