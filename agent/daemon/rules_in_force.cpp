// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/rules_in_force.h"

#include "agent/log.h"

#include <utility>

namespace ringside::agent {

std::vector<policies::Diagnostic> RulesInForce::load() {
  auto loaded = load_rules(config_file_, must_exist_);
  const std::lock_guard lock(mutex_);
  account_.error.clear();
  if (!loaded.rules) {
    fingerprint_ = fingerprint_of(files_);
    for (const auto& error : loaded.errors) account_.error += policies::render(error, false);
    return std::move(loaded.errors);
  }
  if (rules_) loaded.rules->exceptions.carry_uses(rules_->exceptions);
  rules_ = std::move(loaded.rules);
  files_ = std::move(loaded.files);
  fingerprint_ = fingerprint_of(files_);
  if (account_.notes != loaded.notes)
    for (const auto& note : loaded.notes) log::info(note);
  account_.notes = std::move(loaded.notes);
  account_.loaded_at = wall_clock();
  return {};
}

bool RulesInForce::files_changed() const {
  const std::lock_guard lock(mutex_);
  return fingerprint_of(files_) != fingerprint_;
}

void RulesInForce::count_as_used(const std::set<std::string>& exceptions) {
  const std::lock_guard lock(mutex_);
  rules_->exceptions.count_as_used(exceptions);
}

std::shared_ptr<const Rules> RulesInForce::get() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

RulesInForce::Account RulesInForce::account() const {
  const std::lock_guard lock(mutex_);
  return account_;
}

}  // namespace ringside::agent
