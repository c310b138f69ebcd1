// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/descriptors.h"

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside::guest::x86;
  const auto bytes = std::as_bytes(std::span(data, size));
  for (bool long_mode : {false, true}) {
    for (std::size_t offset = 0; offset <= size && offset < 4096; offset += 8) {
      const auto segment = decode_segment(bytes.subspan(offset), 1, long_mode);
      const auto gate = decode_gate(bytes.subspan(offset), 2, long_mode);
      if (segment.raw_bytes().size() != segment.size || gate.raw_bytes().size() != gate.size)
        __builtin_trap();
      if (to_string(segment.type) == "unknown" || to_string(gate.type) == "unknown") __builtin_trap();
      if (!long_mode && (segment.size != 8 || gate.handler > 0xffffffff)) __builtin_trap();
    }
    (void)decode_tss(bytes, long_mode);
  }
  return 0;
}
