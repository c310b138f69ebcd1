// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outputs/outbox.h"
#include "agent/outputs/output_dispatcher.h"
#include "agent/outputs/sink.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ringside::agent {

/// Sends what waits for one output, on a thread of its own.
class OutputSender {
 public:
  OutputSender(OutputConfig config, std::unique_ptr<Sink> sink, Outbox& outbox, const Origin& origin,
               OutputDispatcher::OpenFindings open, OutputDispatcher::Pace pace);
  ~OutputSender();
  OutputSender(const OutputSender&) = delete;
  OutputSender& operator=(const OutputSender&) = delete;

  const OutputConfig& config() const { return config_; }
  /// There may be something to send.
  void wake();
  /// Asks it to end; the destructor waits for that.
  void stop();
  std::optional<std::string> failing() const;

 private:
  using Clock = std::chrono::steady_clock;
  void run();
  /// One batch. False: nothing waits. An error is what to wait out.
  Result<bool> send_some();
  Result<void> note_sent();
  Result<void> repeat_open();
  bool repeats() const { return config_.kind == OutputConfig::Kind::alertmanager && open_ != nullptr; }
  void set_failing(std::optional<std::string> why);
  /// False: it is to end.
  bool wait(Clock::time_point until, bool for_work);

  OutputConfig config_;
  std::unique_ptr<Sink> sink_;
  Outbox& outbox_;
  const Origin& origin_;
  OutputDispatcher::OpenFindings open_;
  OutputDispatcher::Pace pace_;
  std::vector<std::uint64_t> unnoted_;  ///< taken by the receiver, but the outbox could not be told
  Clock::time_point next_repeat_ = Clock::now();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, work_ = true;
  std::optional<std::string> failing_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace ringside::agent
