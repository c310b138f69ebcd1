// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/ledger.h"
#include "agent/outputs/output_dispatcher.h"
#include "agent/store/finding_record.h"
#include "guest/memory/read_meter.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::agent {

struct GuestSummary;

/// What the daemon counts, in Prometheus' text format: the families of metric_families.h. Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void look(const std::string& guest, std::chrono::microseconds took);
  /// What the checks of a policy came to at one look: `violated` if one of them did, else `unknown` if one
  /// is.
  void scanned(const std::string& policy, policies::Verdict verdict);
  void paused(const std::string& guest, std::chrono::microseconds length);
  void finding(const std::string& policy, const std::string& check, policies::Severity severity);
  void action(const std::string& action, bool done);
  void reloaded(bool good);
  /// A QMP command; `failed` says why it did. Only names of commands that this program gives are told apart.
  void command(std::string_view name, std::optional<Errc> failed, std::chrono::microseconds took);

  struct State {
    std::vector<GuestSummary> guests;
    std::vector<FindingRecord> open;
    const std::vector<policies::Policy>& policies;
    Ledger::Statistics writing;
    std::vector<OutputDispatcher::Statistics> outputs{};
    struct Exceptions {
      std::size_t active = 0, expired = 0, unused = 0;
    } exceptions{};
    std::map<std::string, guest::memory::ReadTotals> reads{};  ///< by backend
    std::uint64_t gdbstub_packets = 0;
  };
  std::string page(const State& state);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::agent
