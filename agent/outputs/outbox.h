// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/store/state_database.h"
#include "base/error.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace ringside::agent {

/// Messages that wait for their receivers, in order, on disk. Thread-safe; everything joins the transaction
/// that it is called in.
class Outbox {
 public:
  struct Message {
    std::uint64_t number;
    std::string text;
  };
  struct Counts {
    std::uint64_t waiting = 0;
    std::uint64_t sent = 0, dropped = 0;  ///< ever, restarts included
  };

  explicit Outbox(StateDatabase& database) : database_(database) {}

  /// Beyond `bound` the oldest messages go, counted; those that are being sent stay.
  Result<void> put(const std::string& output, const std::string& kind, const std::string& text,
                   std::size_t bound);
  /// The oldest; they count as being sent until the next take(), sent() or drop().
  Result<std::vector<Message>> take(const std::string& output, std::size_t limit);
  /// The receiver has them.
  Result<void> sent(const std::string& output, const std::vector<std::uint64_t>& numbers);
  /// The receiver will never take it.
  Result<void> drop(const std::string& output, std::uint64_t number);
  Result<Counts> counts(const std::string& output);
  /// Drops what waits for outputs that there are no more, or that are of another kind now. `outputs`: name to
  /// kind. Gives how many messages went.
  Result<std::size_t> forget_others(const std::map<std::string, std::string>& outputs);

 private:
  Result<void> remove(const std::string& output, const std::vector<std::uint64_t>& numbers,
                      const char* counter);
  StateDatabase& database_;
  std::mutex mutex_;
  std::map<std::string, std::uint64_t> in_flight_;  ///< the highest number of each output
};

}  // namespace ringside::agent
