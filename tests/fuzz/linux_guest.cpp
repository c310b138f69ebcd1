// SPDX-License-Identifier: Apache-2.0
#include "tests/support/mutated_guest.h"

#include <cstdint>

namespace {

using ringside::guest::Snapshot;

/// The smallest of the recorded guests of each word size: loaded once.
const Snapshot& recorded(bool wide) {
  static const auto narrow_guest = ringside::testing::recorded_snapshot("5.10-686");
  static const auto wide_guest = ringside::testing::recorded_snapshot("5.10-cloud");
  return wide ? *wide_guest : *narrow_guest;
}

}  // namespace

// Input: a byte that chooses the guest, then changes of 12 bytes each: page (4), offset (2), value (6,
// sign-extended to 8).
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  ringside::testing::MutatedGuest guest(recorded((data[0] & 1) != 0));
  constexpr std::size_t kChange = 12, kMaxChanges = 1000;
  for (std::size_t at = 1, n = 0; at + kChange <= size && n < kMaxChanges; at += kChange, ++n) {
    std::uint32_t page = 0;
    std::uint16_t offset = 0;
    std::int64_t value = 0;
    std::memcpy(&page, data + at, 4);
    std::memcpy(&offset, data + at + 4, 2);
    std::memcpy(reinterpret_cast<char*>(&value) + 2, data + at + 6, 6);
    value >>= 16;
    guest.overwrite(page, offset & ~7u, std::as_bytes(std::span(&value, 1)));
  }
  guest.look();
  return 0;
}
