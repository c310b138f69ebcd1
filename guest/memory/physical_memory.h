// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/memory/memory_map.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ringside::guest::memory {

/// One read of a scatter call. `error` is set when, and only when, `into` was not wholly filled; then its
/// contents mean nothing.
struct ReadRequest {
  Gpa gpa;
  std::span<std::byte> into;
  std::optional<Error> error{};
};

/// Guest-physical memory, however it is reached. Reads never touch MMIO: the public functions check every
/// byte against the map (Errc::not_ram) and split at range borders before a backend sees anything. Failures
/// are values for that read alone: `gone` when QEMU ended or the range was unplugged, `permission`, `io`,
/// `unavailable`. Not thread-safe.
class PhysicalMemory {
 public:
  virtual ~PhysicalMemory() = default;

  Result<void> read(Gpa gpa, std::span<std::byte> into);
  /// Scatter: fails per request, batches as far as the backend can.
  void read(std::span<ReadRequest> requests);

  virtual const MemoryMap& map() const = 0;
  /// "mapped", "process", "gdbstub", "qmp", "snapshot".
  virtual std::string_view backend() const = 0;
  /// True if a read stops the guest for its time.
  virtual bool stops_guest() const = 0;

 protected:
  /// A piece of a request inside one range of the map.
  struct Piece {
    const MemoryRange* range;
    Gpa gpa;
    std::span<std::byte> into;
    std::optional<Error> error{};
  };
  /// Fills every piece or sets its error. Pieces are never empty; their order is the requests'.
  virtual void read_pieces(std::span<Piece> pieces) = 0;

 private:
  /// Appends the pieces of `request` to pieces_; false, with its error set, if a byte of it is no memory.
  bool split(ReadRequest& request, std::size_t index);
  // Kept from call to call, so that a repeated scatter read allocates nothing.
  std::vector<Piece> pieces_;
  std::vector<std::size_t> owners_;  ///< index of the request that pieces_[i] belongs to
};

}  // namespace ringside::guest::memory
