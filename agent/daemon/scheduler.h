// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace ringside::agent {

/// Runs jobs when they are due, on a few threads; one job runs on one thread at a time. What waits longest
/// comes first. A job that waits for somebody who does not answer costs others nothing: another thread takes
/// the place of its own. Thread-safe.
class Scheduler {
 public:
  using Clock = std::chrono::steady_clock;
  /// Does one piece of work and says when it wants to run again; nullopt: only when it is woken.
  using Job = std::function<std::optional<Clock::time_point>()>;
  using Id = std::uint64_t;

  explicit Scheduler(unsigned threads);
  /// Waits for what runs.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  Id add(Job job, Clock::time_point first = Clock::now());
  /// The job runs as soon as a thread is free; if it runs right now, once more after that.
  void wake(Id id);
  /// The job runs no more. Waits for it if it runs, unless the job itself calls this.
  void remove(Id id);

  struct Statistics {
    unsigned threads = 0;  ///< those in the place of others included
    std::uint64_t runs = 0;
    Clock::duration longest_wait{};  ///< of a job that was due, since the last call
  };
  Statistics statistics();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::agent
