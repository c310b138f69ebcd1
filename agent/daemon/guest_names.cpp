// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/guest_names.h"

#include <algorithm>

namespace ringside::agent {

std::string GuestNames::claim(const std::string& id, const std::string& wanted, const std::string& target) {
  const std::lock_guard lock(mutex_);
  const bool taken = std::any_of(names_.begin(), names_.end(),
                                 [&](const auto& one) { return one.first != id && one.second == wanted; });
  return names_[id] = taken ? wanted + '@' + target : wanted;
}

std::string GuestNames::step_aside(const std::string& id, const std::string& wanted,
                                   const std::string& target) {
  const std::lock_guard lock(mutex_);
  return names_[id] = wanted + '@' + target;
}

void GuestNames::release(const std::string& id) {
  const std::lock_guard lock(mutex_);
  names_.erase(id);
  keys_.erase(id);
}

void GuestNames::attached(const std::string& id, const std::string& key) {
  const std::lock_guard lock(mutex_);
  keys_[id] = key;
}

void GuestNames::detached(const std::string& id) {
  const std::lock_guard lock(mutex_);
  keys_.erase(id);
}

bool GuestNames::alone(const std::string& id, const std::string& key) {
  const std::lock_guard lock(mutex_);
  return std::none_of(keys_.begin(), keys_.end(),
                      [&](const auto& one) { return one.first != id && one.second == key; });
}

}  // namespace ringside::agent
