// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outputs/output_dispatcher.h"

#include <memory>
#include <mutex>
#include <vector>

namespace ringside::agent {

/// The outputs in force, which a reload replaces while events go on. Thread-safe.
class OutputSet {
 public:
  OutputSet(StateDatabase& database, OutputDispatcher::OpenFindings open)
      : database_(database), open_(std::move(open)) {}

  /// Those that `wanted` says; nothing is done if it says what is in force. Waits for what the old ones send.
  /// Errors as OutputDispatcher::start; there are none then.
  Result<void> start(const std::vector<OutputConfig>& wanted);
  /// As start(); if that fails, those of before go on.
  Result<void> replace(const std::vector<OutputConfig>& wanted);
  void stop();

  /// `unavailable` while they are replaced.
  Result<void> enqueue(const AgentEvent& event);
  std::vector<OutputDispatcher::Statistics> statistics();

 private:
  StateDatabase& database_;
  OutputDispatcher::OpenFindings open_;
  std::mutex mutex_;
  std::unique_ptr<OutputDispatcher> outputs_;
  std::vector<OutputConfig> config_;
};

}  // namespace ringside::agent
