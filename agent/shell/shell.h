// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/output/answer.h"
#include "agent/session.h"
#include "agent/shell/completion.h"
#include "agent/shell/line_source.h"
#include "agent/shell/statement.h"
#include "policies/engine/database.h"

#include <chrono>
#include <memory>
#include <string>

namespace ringside::agent {

/// The loop of `ringside shell`: statements and dot-commands from a LineSource, answers to Context::out.
class Shell {
 public:
  struct Settings {
    AnswerMode mode = AnswerMode::table;
    bool timer = false;
    bool refresh = true;  ///< each statement looks at a fresh snapshot
    std::chrono::milliseconds time = policies::QueryLimits{}.time;
  };

  Shell(Context& context, Session& session, policies::Database& database, Settings settings);

  /// Runs all lines of `lines`. A statement that fails is reported and the next one runs. The result is the
  /// worst of all of them.
  Exit run(LineSource& lines);
  /// Completes what is typed behind the lines that wait for their semicolon.
  Completion complete(std::string_view line, std::size_t cursor) const;

  // For the dot-commands.
  Settings settings;
  Context& context() { return context_; }
  void quit() { quit_ = true; }
  /// The snapshot that is held is given back; the next statement takes a new one.
  void forget_snapshot() { held_ = nullptr; }
  bool live() { return session_.live() != nullptr; }
  /// Runs a file of statements and commands.
  Outcome run_file(const std::string& path);

 private:
  Outcome execute(const std::string& sql);
  Result<guest::Snapshot*> snapshot_for(const policies::StatementInfo& info);
  void note(const Outcome& outcome);
  std::string prompt() const;

  Context& context_;
  Session& session_;
  policies::Database& database_;
  Vocabulary vocabulary_;
  StatementReader reader_;
  guest::Snapshot* held_ = nullptr;  ///< of the session
  Exit worst_ = Exit::clean;
  bool quit_ = false;
  unsigned depth_ = 0;  ///< of files that read files
};

}  // namespace ringside::agent
