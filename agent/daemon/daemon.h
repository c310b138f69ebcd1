// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/config/config.h"
#include "agent/daemon/agent_api.h"
#include "agent/outcome.h"

#include <memory>
#include <string>
#include <vector>

namespace ringside::agent {

/// The running daemon: finds guests, holds a session for each, keeps what they find, and answers its clients.
class Daemon final {
 public:
  struct Options {
    std::string config_file;
    bool must_exist = false;           ///< --config was given
    std::vector<std::string> sockets;  ///< of the command line, beside the configuration's
    std::string control_socket;        ///< empty: the configuration's, or the default
  };

  /// Reads the configuration and all policies, opens the state, starts to listen. A configuration that is
  /// wrong: Exit::usage, with every error in `diagnostics`.
  static Attempt<std::unique_ptr<Daemon>> start(Options options,
                                                std::vector<policies::Diagnostic>& diagnostics);
  ~Daemon();
  struct Checked {
    std::vector<policies::Diagnostic> errors;
    std::vector<std::string> notes;  ///< what is right, and may not be what was meant: a line each
  };
  /// What is wrong with the configuration and the policies; nothing is started.
  static Checked check(const Options& options);

  /// Runs until a signal says stop (SIGINT, SIGTERM). SIGHUP loads the configuration anew.
  void run();
  AgentApi& api();
  /// What was started, a line each, for people.
  std::vector<std::string> describe() const;

 private:
  struct Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::agent
