// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/cpu_state.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto cpus = ringside::guest::x86::parse_info_registers({reinterpret_cast<const char*>(data), size});
  if (cpus)
    for (const auto& cpu : *cpus)
      if (cpu.cpl > 3) __builtin_trap();
  return 0;
}
