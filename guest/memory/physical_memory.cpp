// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/physical_memory.h"

#include <algorithm>
#include <string>

namespace ringside::guest::memory {

namespace {

Error not_ram(Gpa gpa) {
  return {Errc::not_ram, "guest-physical address " + to_string(gpa) + " is no RAM or ROM"};
}

}  // namespace

Result<void> PhysicalMemory::read(Gpa gpa, std::span<std::byte> into) {
  if (into.empty()) return {};
  // Nearly every read lies inside one range: no scratch vectors then.
  if (const MemoryRange* range = map().find(gpa);
      range && into.size() <= range->size - (gpa - range->start)) {
    Piece piece{range, gpa, into};
    read_pieces(std::span(&piece, 1));
    if (piece.error) return fail(std::move(*piece.error));
    return {};
  }
  ReadRequest request{gpa, into};
  read(std::span(&request, 1));
  if (request.error) return fail(std::move(*request.error));
  return {};
}

bool PhysicalMemory::split(ReadRequest& request, std::size_t index) {
  Gpa gpa = request.gpa;
  std::span<std::byte> left = request.into;
  while (!left.empty()) {
    const MemoryRange* range = map().find(gpa);
    if (!range) {
      request.error = not_ram(gpa);
      return false;
    }
    // No range wraps (MemoryMap::create), so neither does gpa: beyond the last range find() says no.
    const std::uint64_t here = std::min<std::uint64_t>(left.size(), range->size - (gpa - range->start));
    pieces_.push_back({range, gpa, left.first(here)});
    owners_.push_back(index);
    left = left.subspan(here);
    gpa = gpa + here;
  }
  return true;
}

void PhysicalMemory::read(std::span<ReadRequest> requests) {
  pieces_.clear();
  owners_.clear();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].error.reset();
    const std::size_t before = pieces_.size();
    if (!split(requests[i], i)) {
      pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(before), pieces_.end());
      owners_.resize(before);
    }
  }
  if (pieces_.empty()) return;
  read_pieces(pieces_);
  for (std::size_t i = 0; i < pieces_.size(); ++i)
    if (pieces_[i].error && !requests[owners_[i]].error)
      requests[owners_[i]].error = std::move(pieces_[i].error);
}

}  // namespace ringside::guest::memory
