// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/backends.h"
#include "guest/memory/read_meter.h"

#include <utility>
#include <vector>

namespace ringside::guest::memory {

namespace {

class GdbstubMemory final : public PhysicalMemory {
 public:
  GdbstubMemory(MemoryMap map, BurstReader read_burst)
      : map_(std::move(map)), read_burst_(std::move(read_burst)) {}

  const MemoryMap& map() const override { return map_; }
  std::string_view backend() const override { return "gdbstub"; }
  bool stops_guest() const override { return true; }

 protected:
  void read_pieces(std::span<Piece> pieces) override {
    requests_.clear();
    for (const Piece& piece : pieces) requests_.push_back({piece.gpa, piece.into});
    const Result<void> burst = read_burst_(requests_);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (!burst)
        pieces[i].error = burst.error();
      else
        pieces[i].error = std::move(requests_[i].error);
    }
    meter_.count(pieces);
  }

 private:
  MemoryMap map_;
  BurstReader read_burst_;
  ReadMeter meter_{"gdbstub"};
  std::vector<ReadRequest> requests_;
};

}  // namespace

std::unique_ptr<PhysicalMemory> make_gdbstub_memory(MemoryMap map, BurstReader read_burst) {
  return std::make_unique<GdbstubMemory>(std::move(map), std::move(read_burst));
}

}  // namespace ringside::guest::memory
