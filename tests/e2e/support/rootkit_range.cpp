// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/support/rootkit_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace ringside::lab {

using policies::Verdict;

namespace {

/// A kernel at work is always in the middle of something: what does not go away in so many looks stays.
constexpr int kLooks = 8;
constexpr auto kBetweenLooks = std::chrono::milliseconds(100);

std::string last_lines(const std::string& text) {
  return text.size() > 600 ? text.substr(text.size() - 600) : text;
}

bool has(const std::map<std::string, std::vector<std::string>>& findings, const std::string& check,
         const std::string& message) {
  const auto found = findings.find(check);
  return found != findings.end() && std::ranges::find(found->second, message) != found->second.end();
}

std::vector<std::string> lines_of(const std::map<std::string, std::vector<std::string>>& findings) {
  std::vector<std::string> lines;
  for (const auto& [check, messages] : findings)
    for (const auto& message : messages) lines.push_back(fmt::format("{}: {}", check, message));
  return lines;
}

}  // namespace

Result<std::unique_ptr<RootkitRange>> RootkitRange::open(Guest& guest) {
  auto range = std::unique_ptr<RootkitRange>(new RootkitRange(guest));
  RINGSIDE_TRY(range->attached_, attach(guest));
  auto shipped = policies::shipped_policies();
  if (!shipped.errors.empty()) return fail(Errc::invalid_argument, shipped.errors.front().message);
  range->policies_ = std::move(shipped.policies);
  RINGSIDE_TRY(range->database_, policies::Database::create());
  RINGSIDE_TRY(range->evaluator_, policies::Evaluator::create(range->policies_));
  // The first look finds the way to the MSRs, for which the guest may have to stand still.
  RINGSIDE_CHECK(range->take_baseline());
  RINGSIDE_TRY(const auto bits, range->fill_in("{{SELECT bits FROM kernel}}"));
  range->narrow_ = bits == "0x20";
  if (range->narrow_) RINGSIDE_CHECK(range->leave_out());
  return range;
}

Result<void> RootkitRange::leave_out() {
  RINGSIDE_TRY(const auto snapshot, attached_->live->snapshot());
  for (const auto& policy : policies_)
    for (const auto& result : evaluator_->evaluate(policy, *snapshot))
      if (result.verdict == Verdict::not_applicable)
        not_for_it_.emplace(policy.name + "/" + result.check->id,
                            result.reasons.empty() ? "no reason given" : result.reasons.front());
  return {};
}

Result<void> RootkitRange::take_baseline() {
  RINGSIDE_TRY(auto snapshot, attached_->live->snapshot());
  RINGSIDE_TRY(const auto baseline, policies::take_baseline(*snapshot));
  return evaluator_->set_baseline(&baseline);
}

Result<void> RootkitRange::prepare(const std::string& command) {
  RINGSIDE_TRY(const auto filled, fill_in(command));
  const std::string said = guest_.run(filled + " 2>&1");
  if (said.find("loaded\n") == std::string::npos)
    return fail(Errc::io, fmt::format("it cannot be prepared: {}", said));
  return take_baseline();
}

Result<std::string> RootkitRange::unknown(const std::string& check) {
  const std::string name = check.substr(0, check.find('/')), id = check.substr(check.find('/') + 1);
  const auto policy = std::ranges::find(policies_, name, &policies::Policy::name);
  if (policy == policies_.end()) return std::string();
  RINGSIDE_TRY(const auto snapshot, attached_->live->snapshot());
  for (const auto& result : evaluator_->evaluate(*policy, *snapshot))
    if (result.check->id == id && result.verdict == Verdict::unknown)
      return result.reasons.empty() ? std::string("no reason given") : result.reasons.front();
  return std::string();
}

Result<RootkitRange::Findings> RootkitRange::look(const policies::Policy* only) {
  auto& live = *attached_->live;
  RINGSIDE_TRY(const auto snapshot, live.snapshot());
  Findings findings;
  for (const auto& result : only != nullptr ? evaluator_->evaluate(*only, *snapshot)
                                            : evaluator_->tick(*snapshot, live.memory())) {
    const std::string check = result.policy->name + "/" + result.check->id;
    for (const auto& violation : result.violations)
      if (!has(known_, check, violation.message)) findings[check].push_back(violation.message);
  }
  return findings;
}

Result<std::vector<std::string>> RootkitRange::standing() {
  // One look that shows nothing will do: what stands is there at each.
  std::vector<std::string> lines;
  for (int attempt = 0; attempt < kLooks; ++attempt) {
    RINGSIDE_TRY(const auto findings, look());
    if (findings.empty()) return std::vector<std::string>{};
    lines = lines_of(findings);
    std::this_thread::sleep_for(3 * kBetweenLooks);
  }
  return lines;
}

Result<std::string> RootkitRange::fill_in(const std::string& command) {
  std::string filled = command;
  for (std::size_t begin; (begin = filled.find("{{")) != std::string::npos;) {
    const auto end = filled.find("}}", begin);
    if (end == std::string::npos) return fail(Errc::invalid_argument, "no }} in: " + command);
    const std::string sql = filled.substr(begin + 2, end - begin - 2);
    RINGSIDE_TRY(const auto snapshot, attached_->live->snapshot());
    database_->bind(snapshot.get());
    const auto answer = database_->query(sql);
    database_->bind(nullptr);
    if (!answer) return fail(answer.error().within(sql));
    const auto* number =
        answer->rows.empty() ? nullptr : std::get_if<std::int64_t>(&answer->rows.front().front());
    if (number == nullptr) return fail(Errc::not_found, "no answer to " + sql);
    filled.replace(begin, end + 2 - begin, fmt::format("{:#x}", static_cast<std::uint64_t>(*number)));
  }
  return filled;
}

void RootkitRange::judge(const Rootkit& kit, Outcome& outcome) {
  const auto named = [&](const std::string& message) {
    // With 32 bits data of modules has no names.
    return std::ranges::all_of(kit.says, [&](const auto& part) {
      return (narrow_ && part.ends_with(']')) || message.find(part) != std::string::npos;
    });
  };
  const std::string policy_name = kit.check.substr(0, kit.check.find('/'));
  const auto policy = std::ranges::find(policies_, policy_name, &policies::Policy::name);
  for (int attempt = 0; attempt < kLooks && policy != policies_.end(); ++attempt) {
    const auto all = look();
    std::this_thread::sleep_for(kBetweenLooks);
    // It stands: another look shows the same.
    const auto again = all ? look(&*policy) : all;
    if (!again) {
      outcome.wrong.push_back("look: " + again.error().message);
      return;
    }
    outcome.beside.clear();
    for (const auto& [check, messages] : *all) {
      for (const auto& message : messages) {
        if (check != kit.check || !named(message))
          outcome.beside.push_back(fmt::format("{}: {}", check, message));
        else if (has(*again, check, message))
          outcome.message = message;
      }
    }
    if (outcome.message.empty()) continue;
    outcome.kind = Outcome::Kind::found;
    return;
  }
  if (const auto reason = narrow_ ? unknown(kit.check) : std::string(); reason && !reason->empty()) {
    outcome.kind = Outcome::Kind::unknown;
    outcome.message = *reason;
    return;
  }
  outcome.wrong.push_back(fmt::format("{} says nothing of {}", kit.check, fmt::join(kit.says, ", ")));
}

void RootkitRange::know() {
  if (const auto now = look())
    for (const auto& [check, messages] : *now)
      known_[check].insert(known_[check].end(), messages.begin(), messages.end());
}

RootkitRange::Outcome RootkitRange::run(const Rootkit& kit) {
  Outcome outcome;
  if (const auto left_out = not_for_it_.find(kit.check); left_out != not_for_it_.end()) {
    outcome.kind = Outcome::Kind::absent;
    outcome.message = "the check is not for this guest: " + left_out->second;
    return outcome;
  }
  if (!kit.needs.empty() &&
      guest_.run(fmt::format("grep -cx '{}' /tmp/attack.names", kit.needs)).starts_with('0')) {
    outcome.kind = Outcome::Kind::absent;
    outcome.message = kit.otherwise;
    return outcome;
  }
  // Where nothing can be found to attack, the check must not claim that all is well either.
  const auto not_started = [&](const std::string& why) {
    const auto reason = narrow_ ? unknown(kit.check) : std::string();
    if (reason && !reason->empty()) {
      outcome.kind = Outcome::Kind::unknown;
      outcome.message = fmt::format("{} (not attacked: {})", *reason, why.substr(0, why.find('\n')));
    } else if (narrow_ && why.find("unknown symbol in module") != std::string::npos) {
      outcome.kind = Outcome::Kind::absent;
      outcome.message = "its module looks for a variable in the guest's kallsyms, which name functions alone";
    } else if (narrow_ && !kit.narrow.empty()) {
      outcome.kind = Outcome::Kind::absent;
      outcome.message = kit.narrow;
    } else {
      outcome.wrong.push_back(why);
    }
  };
  if (const auto prepared = kit.before.empty() ? Result<void>() : prepare(kit.before); !prepared) {
    not_started(prepared.error().message);
    return outcome;
  }
  const auto command = fill_in(kit.load);
  if (!command) {
    not_started(command.error().message);
    return outcome;
  }
  const std::string said = guest_.run(*command + " 2>&1");
  if (("\n" + said).find("\nloaded\n") == std::string::npos) {
    not_started(fmt::format("it did not start: {} {}", said, last_lines(guest_.run("dmesg | tail -n 4"))));
    return outcome;
  }
  judge(kit, outcome);
  if (kit.undo.empty()) {
    know();
    return outcome;
  }
  const std::string undone = guest_.run(kit.undo + " 2>&1");
  const auto left = standing();
  if (!left) {
    outcome.wrong.push_back("after it was undone: " + left.error().message);
  } else {
    for (const auto& line : *left)
      outcome.wrong.push_back(fmt::format("after it was undone ({}): {}", undone, line));
    // The next attack is not to be blamed for it.
    if (!left->empty()) know();
  }
  if (const auto over = kit.after.empty() ? Result<void>() : prepare(kit.after); !over)
    outcome.wrong.push_back(over.error().message);
  return outcome;
}

}  // namespace ringside::lab
