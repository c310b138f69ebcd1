// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace ringside::agent {

/// Gives each guest a name of its own: what people call it, unless another guest is called so already; then
/// its target is added. Metrics, findings and people tell guests apart by it. Thread-safe.
class GuestNames {
 public:
  /// The name that guest `id` has from now on.
  std::string claim(const std::string& id, const std::string& wanted, const std::string& target);
  /// Guest `id` has its target in its name from now on, and leaves `wanted` to another.
  std::string step_aside(const std::string& id, const std::string& wanted, const std::string& target);
  void release(const std::string& id);

  /// Guest `id` turned out to be the one with this key (GuestInfo::key()).
  void attached(const std::string& id, const std::string& key);
  void detached(const std::string& id);
  /// False: somebody else watches the guest with that key too, by another way.
  bool alone(const std::string& id, const std::string& key);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> names_, keys_;  ///< by id
};

}  // namespace ringside::agent
