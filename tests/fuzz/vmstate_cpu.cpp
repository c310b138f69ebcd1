// SPDX-License-Identifier: Apache-2.0
#include "guest/x86/vmstate_cpu.h"

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside::guest::x86;
  const auto stream = std::as_bytes(std::span(data, size));
  for (const Emulator emulator : {Emulator::x86_64, Emulator::i386})
    for (unsigned count : {1u, 2u}) {
      const auto cpus = parse_vmstate_cpus(stream, count, emulator);
      if (!cpus) continue;
      // What was found must fit itself.
      if (cpus->size() != count || !parse_vmstate_cpus(stream, *cpus, emulator)) __builtin_trap();
    }
  return 0;
}
