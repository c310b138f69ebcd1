// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::memory {

/// What all readers of one kind of backend have read since the program began.
struct ReadTotals {
  std::uint64_t bytes = 0;
  std::map<Errc, std::uint64_t> errors;  ///< pieces that could not be read, by reason
};
/// By the name of the backend ("mapped", "process", "gdbstub", "qmp"). Thread-safe.
std::map<std::string, ReadTotals> read_totals();

/// One reader's share of read_totals(), kept there when the reader is gone. Written by the thread that reads,
/// with plain additions: cheap enough for a read that is a load.
class ReadMeter {
 public:
  explicit ReadMeter(std::string_view backend);
  ~ReadMeter();
  ReadMeter(const ReadMeter&) = delete;
  ReadMeter& operator=(const ReadMeter&) = delete;

  void read(std::uint64_t bytes) { add(bytes_, bytes); }
  void failed(Errc reason) { add(errors_.at(static_cast<std::size_t>(reason)), 1); }
  /// Counts a batch whose failures are marked on its pieces.
  template <class Pieces>
  void count(const Pieces& pieces) {
    std::uint64_t bytes = 0;
    for (const auto& piece : pieces)
      if (piece.error) [[unlikely]]
        failed(piece.error->code);
      else
        bytes += piece.into.size();
    read(bytes);
  }

 private:
  friend std::map<std::string, ReadTotals> read_totals();
  using Count = std::atomic<std::uint64_t>;
  /// One thread at a time writes, others only look: no read-modify-write that locks the bus is needed.
  static void add(Count& count, std::uint64_t by) {
    count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void add_to(ReadTotals& totals) const;

  std::string backend_;
  Count bytes_{0};
  std::array<Count, static_cast<std::size_t>(Errc::unavailable) + 1> errors_{};
};

}  // namespace ringside::guest::memory
