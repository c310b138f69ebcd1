// SPDX-License-Identifier: Apache-2.0
#include "agent/policy_test/run_policy_test.h"

#include "agent/output/format.h"
#include "agent/policy_test/patched_snapshot.h"
#include "guest/snapshot_file.h"
#include "policies/engine/evaluator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace ringside::agent {

using policies::CheckResult;
using policies::Verdict;
using policies::Violation;

namespace {

constexpr std::size_t kShownViolations = 3;

/// What was found by one check, told from what an exception silences.
struct Found {
  std::vector<const Violation*> told, suppressed;
};

class Judge {
 public:
  Judge(const PolicyTest& test, const TestCase& one, const guest::GuestInfo& info)
      : test_(test), case_(one), now_(info.taken), guest_(one.guest) {
    if (guest_.name.empty()) guest_.name = info.name;
    if (guest_.uuid.empty()) guest_.uuid = info.uuid;
  }

  CaseOutcome judge(const std::vector<CheckResult>& results) {
    for (const CheckResult& result : results) {
      const Found found = sort_out(result);
      const auto* wanted = find(case_.expect, result.check->id);
      const auto* silent = find(case_.suppressed, result.check->id);
      compare(result, "", wanted, found.told);
      compare(result, "suppressed ", silent, found.suppressed);
      if (wanted == nullptr && silent == nullptr && result.violations.empty()) about_verdict(result);
      if (!result.violations.empty()) outcome_.positive.push_back(result.check->id);
      if (result.verdict == Verdict::ok) outcome_.negative.push_back(result.check->id);
    }
    if (!outcome_.passed()) outcome_.positive.clear(), outcome_.negative.clear();
    return std::move(outcome_);
  }

 private:
  static const TestCase::Expected* find(const std::vector<TestCase::Expected>& all,
                                        const std::string& check) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.check == check; });
    return found == all.end() ? nullptr : &*found;
  }

  Found sort_out(const CheckResult& result) const {
    Found found;
    for (const Violation& violation : result.violations) {
      const bool silenced = test_.exceptions != nullptr &&
                            test_.exceptions->match({guest_, test_.policy.name, result.check->id,
                                                     violation.columns, violation.row, now_}) != nullptr;
      (silenced ? found.suppressed : found.told).push_back(&violation);
    }
    return found;
  }

  bool may_be_unknown(const std::string& check) const {
    return std::any_of(case_.unknown.begin(), case_.unknown.end(),
                       [&](const policies::Pattern& pattern) { return pattern.matches(check); });
  }

  void compare(const CheckResult& result, std::string_view kind, const TestCase::Expected* wanted,
               const std::vector<const Violation*>& found) {
    const std::string& check = result.check->id;
    if (wanted == nullptr) {
      if (found.empty()) return;
      differ(fmt::format("{}: expected no {}violation, found {}", check, kind, found.size()));
      show(found);
      return;
    }
    if (found.empty()) {
      differ(fmt::format("{}: a {}violation was expected, but it is {}{}", check, kind,
                         policies::to_string(result.verdict), why(result)));
      return;
    }
    if (wanted->count && *wanted->count != found.size()) {
      differ(fmt::format("{}: expected {}, found {}", check,
                         counted(*wanted->count, std::string(kind) + "violation"), found.size()));
      show(found);
    }
    if (!wanted->row.empty() && std::none_of(found.begin(), found.end(), [&](const Violation* violation) {
          return has_row(*violation, wanted->row);
        })) {
      std::string columns;
      for (const auto& [name, pattern] : wanted->row)
        columns += (columns.empty() ? "" : ", ") + name + " " + pattern.text();
      differ(fmt::format("{}: no {}violation has {}", check, kind, columns));
      show(found);
    }
    if (wanted->severity && *wanted->severity != result.check->severity)
      differ(fmt::format("{}: severity {} was expected, it is {}", check,
                         policies::to_string(*wanted->severity),
                         policies::to_string(result.check->severity)));
  }

  static bool has_row(const Violation& violation,
                      const std::vector<std::pair<std::string, policies::Pattern>>& row) {
    return std::all_of(row.begin(), row.end(), [&](const auto& wanted) {
      const auto& [name, pattern] = wanted;
      for (std::size_t i = 0; i < std::min(violation.columns.size(), violation.row.size()); ++i)
        if (violation.columns[i].name == name)
          return pattern.matches(violation.row[i], violation.columns[i].type);
      return false;
    });
  }

  void about_verdict(const CheckResult& result) {
    const bool expected = may_be_unknown(result.check->id);
    const bool unknown = result.verdict == Verdict::unknown;
    if (unknown && !expected)
      differ(fmt::format("{}: it could not be evaluated{}", result.check->id, why(result)));
    // Only where it is named as a whole: a pattern is for what differs from snapshot to snapshot.
    const bool named = std::any_of(case_.unknown.begin(), case_.unknown.end(),
                                   [&](const auto& pattern) { return pattern.text() == result.check->id; });
    if (!unknown && named)
      differ(fmt::format("{}: unknown was expected, but it is {}", result.check->id,
                         policies::to_string(result.verdict)));
  }

  static std::string why(const CheckResult& result) {
    return result.reasons.empty() ? "" : ": " + result.reasons.front();
  }
  void differ(std::string line) { outcome_.differences.push_back(std::move(line)); }
  void show(const std::vector<const Violation*>& found) {
    for (std::size_t i = 0; i < std::min(found.size(), kShownViolations); ++i)
      differ("  " + found[i]->message);
    if (found.size() > kShownViolations)
      differ(fmt::format("  and {} more", found.size() - kShownViolations));
  }

  const PolicyTest& test_;
  const TestCase& case_;
  std::chrono::sys_time<std::chrono::microseconds> now_;
  policies::GuestFacts guest_;
  CaseOutcome outcome_;
};

Result<std::unique_ptr<guest::Snapshot>> load(const std::string& path) {
  auto loaded = guest::load_snapshot(path);
  if (!loaded) return fail(loaded.error().within(path));
  return loaded;
}

Result<CaseOutcome> evaluate(const PolicyTest& test, const TestCase& one) {
  std::optional<policies::Baseline> baseline;
  if (one.baseline) {
    RINGSIDE_TRY(const auto first, load(*one.baseline));
    RINGSIDE_TRY(baseline, policies::take_baseline(*first));
  }
  RINGSIDE_TRY(auto plain, load(one.snapshot));
  RINGSIDE_TRY(const auto snapshot, patched_snapshot(std::move(plain), one.patches));
  const std::vector<policies::Policy> policies{test.policy};
  RINGSIDE_TRY(const auto evaluator, policies::Evaluator::create(policies));
  if (baseline) RINGSIDE_CHECK(evaluator->set_baseline(&*baseline));
  return Judge(test, one, snapshot->info()).judge(evaluator->evaluate(*snapshot));
}

}  // namespace

CaseOutcome run_policy_test(const PolicyTest& test, const TestCase& one) {
  auto outcome = evaluate(test, one);
  if (outcome) return std::move(*outcome);
  const Error& error = outcome.error();
  return {{"it could not be run: " + error.message}, {}, {}};
}

void CoverageReport::add(const PolicyTest& test) {
  for (const auto& check : test.policy.checks) all_.try_emplace({test.policy.name, check.id});
  for (const auto& [check, reason] : test.untested) all_[{test.policy.name, check}].untested = reason;
}

void CoverageReport::add(const PolicyTest& test, const CaseOutcome& outcome) {
  for (const auto& check : outcome.positive) ++all_[{test.policy.name, check}].positive;
  for (const auto& check : outcome.negative) ++all_[{test.policy.name, check}].negative;
}

}  // namespace ringside::agent
