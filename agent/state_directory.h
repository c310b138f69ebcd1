// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <string>

namespace ringside::agent {

/// Where ringside keeps baselines, the freeze journal, calibrations, the audit log, and the agent what it
/// finds.
class StateDirectory {
 public:
  /// What decides where it is.
  struct Environment {
    std::string ringside_state_dir, xdg_state_home, home;  ///< empty: not set
    bool root = false;
    static Environment read();
  };
  /// $RINGSIDE_STATE_DIR, else /var/lib/ringside for root, else $XDG_STATE_HOME/ringside (ignored unless
  /// absolute, as the XDG base directory specification wants), else ~/.local/state/ringside.
  static Result<std::string> locate(const Environment& environment);
  /// Locates it and makes it, mode 0700. Errors: `io`, `permission`, `invalid_argument`.
  static Result<StateDirectory> open();

  const std::string& path() const { return path_; }
  std::string baselines() const { return path_ + "/baselines.db"; }
  /// Where LiveGuest::attach keeps its FreezeJournal.
  std::string freeze_journal() const { return path_ + "/frozen"; }
  std::string audit_log() const { return path_ + "/audit.log"; }
  /// The agent's: findings, journal, outbox; pieces of evidence.
  std::string agent_database() const { return path_ + "/agent.db"; }
  std::string evidence() const { return path_ + "/evidence"; }
  std::string shell_history() const { return path_ + "/shell_history"; }

 private:
  explicit StateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace ringside::agent
