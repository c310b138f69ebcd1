// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/attack_range.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <chrono>

namespace ringside::lab {

using guest::live::LiveGuest;
using guest::live::MsrSource;
using policies::Verdict;

namespace {

std::vector<std::string> messages_of(const policies::CheckResult& result) {
  std::vector<std::string> messages;
  for (const auto& violation : result.violations) messages.push_back(violation.message);
  return messages;
}

bool expected(const Attack& attack, const std::string& check) {
  return check == attack.check ||
         std::any_of(attack.also.begin(), attack.also.end(),
                     [&](const auto& pattern) { return ::fnmatch(pattern.c_str(), check.c_str(), 0) == 0; });
}

}  // namespace

Result<std::unique_ptr<AttackRange>> AttackRange::open(LiveGuest& live) {
  auto range = std::unique_ptr<AttackRange>(new AttackRange(live));
  auto shipped = policies::shipped_policies();
  if (!shipped.errors.empty()) return fail(Errc::invalid_argument, shipped.errors.front().message);
  range->policies_ = std::move(shipped.policies);
  RINGSIDE_TRY(range->database_, policies::Database::create());
  RINGSIDE_TRY(range->evaluator_, policies::Evaluator::create(range->policies_));
  {
    RINGSIDE_TRY(const auto snapshot, live.snapshot());
    RINGSIDE_TRY(const auto baseline, policies::take_baseline(*snapshot));
    RINGSIDE_CHECK(range->evaluator_->set_baseline(&baseline));
  }
  RINGSIDE_TRY(const auto verdicts, range->look());
  RINGSIDE_TRY(const auto snapshot, live.snapshot());
  RINGSIDE_TRY(auto* kernel, guest::linux::Kernel::of(*snapshot));
  for (const auto& [check, result] : verdicts) {
    if (result.verdict == Verdict::violated) range->before_[check] = messages_of(result);
    if (kernel->identity().bits != 32) continue;
    if (result.verdict == Verdict::unknown)
      range->unknown_[check] = result.reasons.empty() ? "no reason given" : result.reasons.front();
    if (result.verdict == Verdict::not_applicable) range->not_for_it_.insert(check);
  }
  return range;
}

Result<AttackRange::Verdicts> AttackRange::look(Outcome* outcome) {
  const auto start = std::chrono::steady_clock::now();
  RINGSIDE_TRY(const auto snapshot, live_.snapshot());
  unsigned evaluated = 0;
  Verdicts verdicts;
  for (auto& result : evaluator_->tick(*snapshot, live_.memory(), &evaluated)) {
    const std::string name = result.policy->name + "/" + result.check->id;
    verdicts.emplace(name, std::move(result));
  }
  if (outcome != nullptr) {
    outcome->evaluated = evaluated;
    outcome->scan_ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }
  return verdicts;
}

Result<std::vector<LiveGuest::PhysicalWrite>> AttackRange::plan(const std::vector<Poke>& pokes,
                                                                guest::linux::Kernel& kernel) {
  std::vector<LiveGuest::PhysicalWrite> writes;
  for (const Poke& poke : pokes) {
    for (std::size_t at = 0; at < poke.bytes.size();) {
      const guest::Gva gva = poke.gva + at;
      const std::size_t size =
          std::min<std::size_t>(poke.bytes.size() - at, guest::kPageSize - gva.value % guest::kPageSize);
      LiveGuest::PhysicalWrite write;
      RINGSIDE_TRY(write.gpa, kernel.space().translate(gva));
      write.expected.resize(size);
      RINGSIDE_CHECK(kernel.snapshot().read(write.gpa, write.expected));
      const auto begin = poke.bytes.begin() + static_cast<std::ptrdiff_t>(at);
      write.replacement.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
      writes.push_back(std::move(write));
      at += size;
    }
  }
  return writes;
}

void AttackRange::judge(const Attack& attack, const Verdicts& verdicts, Outcome& outcome) const {
  const auto wanted = verdicts.find(attack.check);
  if (wanted == verdicts.end())
    outcome.wrong.push_back("there is no check " + attack.check);
  else if (wanted->second.verdict == Verdict::unknown && unknown_.contains(attack.check))
    outcome.unknown = unknown_.at(attack.check);
  else if (wanted->second.verdict != Verdict::violated)
    outcome.wrong.push_back(fmt::format("{} is {}", attack.check, to_string(wanted->second.verdict)));
  else
    outcome.seen = messages_of(wanted->second);
  for (const auto& [check, result] : verdicts) {
    if (result.verdict != Verdict::violated || before_.contains(check) || expected(attack, check)) continue;
    outcome.beside.push_back(fmt::format("{}: {}", check, result.violations.front().message));
  }
}

AttackRange::Outcome AttackRange::run(const Attack& attack) {
  Outcome outcome;
  if (not_for_it_.contains(attack.check)) {
    outcome.applies = false;
    return outcome;
  }
  const auto attempt = [&]() -> Result<void> {
    std::vector<LiveGuest::PhysicalWrite> writes;
    {
      RINGSIDE_TRY(const auto snapshot, live_.snapshot());
      RINGSIDE_TRY(auto* kernel, guest::linux::Kernel::of(*snapshot));
      database_->bind(snapshot.get());
      const auto pokes = attack.prepare(*database_);
      database_->bind(nullptr);
      if (const auto known = unknown_.find(attack.check);
          known != unknown_.end() && (!pokes || pokes->empty())) {
        outcome.unknown = known->second;
        return {};
      }
      // Of a kernel that tells little an attack may not find what it has to change.
      if (!pokes && unknown_.empty()) return fail(pokes.error().within("prepare"));
      outcome.applies = pokes && !pokes->empty();
      if (!outcome.applies) return {};
      RINGSIDE_TRY(writes, plan(*pokes, *kernel));
    }
    RINGSIDE_CHECK(live_.write(writes));
    const auto verdicts = look(&outcome);
    if (verdicts)
      judge(attack, *verdicts, outcome);
    else
      outcome.wrong.push_back("look: " + verdicts.error().message);
    // In the reverse order: two pokes may overlap.
    std::reverse(writes.begin(), writes.end());
    for (auto& write : writes) std::swap(write.expected, write.replacement);
    RINGSIDE_CHECK(live_.write(writes));
    RINGSIDE_TRY(const auto after, look());
    for (const auto& [check, result] : after)
      if (result.verdict == Verdict::violated && !before_.contains(check))
        outcome.wrong.push_back(fmt::format("{} still reports it after it was undone: {}", check,
                                            result.violations.front().message));
    return {};
  };
  if (const auto done = attempt(); !done) outcome.wrong.push_back(done.error().message);
  return outcome;
}

}  // namespace ringside::lab
