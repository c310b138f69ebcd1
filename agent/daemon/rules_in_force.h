// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/rules_loader.h"
#include "agent/daemon/wall_clock.h"

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace ringside::agent {

/// The configuration and the policies in force: the last ones that were right. Thread-safe.
class RulesInForce {
 public:
  /// What `ringside status` says of them.
  struct Account {
    Moment loaded_at{};
    std::vector<std::string> notes;
    std::string error;  ///< why the last reload was refused; empty: it was not
  };

  RulesInForce(std::string config_file, bool must_exist)
      : config_file_(std::move(config_file)), must_exist_(must_exist) {}

  /// Reads all files. Without errors they are in force from now on; with errors, which it gives, those of
  /// before are.
  std::vector<policies::Diagnostic> load();
  /// Whether a file is not as it was at the last load().
  bool files_changed() const;

  /// These exceptions were used before this process began.
  void count_as_used(const std::set<std::string>& exceptions);

  std::shared_ptr<const Rules> get() const;
  Account account() const;

 private:
  const std::string config_file_;
  const bool must_exist_;
  mutable std::mutex mutex_;
  std::shared_ptr<Rules> rules_;
  std::vector<std::string> files_;
  std::string fingerprint_;
  Account account_;
};

}  // namespace ringside::agent
