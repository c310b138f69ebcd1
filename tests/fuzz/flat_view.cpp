// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/memory_map.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside::guest;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto map = memory::parse_flat_view(text)) {
    // Whatever was accepted is a sane map: every range is found by its first and last byte, and by no other.
    for (const memory::MemoryRange& range : map->ranges()) {
      if (map->find(range.start) != &range || map->find(range.start + (range.size - 1)) != &range)
        std::abort();
      if (map->find(range.end()) == &range) std::abort();
    }
  }
  static_cast<void>(memory::parse_gpa2hva(text));
  return 0;
}
