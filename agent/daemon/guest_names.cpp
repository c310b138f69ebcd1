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

void GuestNames::release(const std::string& id) {
  const std::lock_guard lock(mutex_);
  names_.erase(id);
}

}  // namespace ringside::agent
