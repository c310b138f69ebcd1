// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outputs/origin.h"
#include "agent/outputs/output_config.h"
#include "agent/store/state_database.h"
#include "base/error.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringside::agent {

/// Brings events to all outputs through the outbox on disk: each output gets its messages in order, on a
/// thread of its own, with back-off while it fails. None is lost (but for the bound on what waits), and none
/// is sent twice that the receiver acknowledged, unless the process or the machine dies between the
/// acknowledgement and its being noted: messages carry an id by which a receiver sees that.
class OutputDispatcher {
 public:
  /// How long it waits.
  struct Pace {
    std::chrono::milliseconds first{1'000}, longest{60'000};  ///< after a failure, doubling
    std::chrono::milliseconds repeat{60'000};                 ///< Alertmanager is told again what is open
  };
  struct Statistics {
    std::string name, kind, to;
    std::uint64_t waiting = 0;
    std::uint64_t sent = 0, dropped = 0;  ///< ever
    std::optional<std::string> failing;   ///< why the last try failed
  };
  /// What is open now, for Alertmanager. Called on an output's thread.
  using OpenFindings = std::function<Result<std::vector<FindingRecord>>()>;

  /// `invalid_argument`: a configuration that makes no sense. What waits for outputs that are not in
  /// `outputs` any more is dropped, counted and logged.
  static Result<std::unique_ptr<OutputDispatcher>> start(StateDatabase& database,
                                                         std::vector<OutputConfig> outputs, Origin origin,
                                                         OpenFindings open, Pace pace);
  /// Calls off what runs; what waits, waits for the next start.
  ~OutputDispatcher();
  OutputDispatcher(const OutputDispatcher&) = delete;
  OutputDispatcher& operator=(const OutputDispatcher&) = delete;

  /// For every output that is to be told. Joins the transaction that it is called in, and so is kept with the
  /// finding that it is about, or not at all.
  Result<void> enqueue(const AgentEvent& event);

  Result<std::vector<Statistics>> statistics();

 private:
  class Impl;
  explicit OutputDispatcher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// As `ringside status` gives it.
Json to_json(const OutputDispatcher::Statistics& statistics);

}  // namespace ringside::agent
