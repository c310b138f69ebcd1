// SPDX-License-Identifier: Apache-2.0
// The input is pokes into a small kernel's log: places and values. Whatever it makes of the ring, the records
// that are read stay within it.
#include "guest/linux/kernel_log.h"

#include "tests/unit/support/log_world.h"
#include "tests/unit/support/pokes.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  using testing::LogWorld;
  namespace linux = guest::linux;
  static const auto btf = [] {
    LogWorld world;
    return world.kernel.btf().value();
  }();

  LogWorld world(size % 64, size * 8 % 4096);
  world.kernel.set_btf(btf);
  for (std::size_t i = 0; i < 20; ++i)
    world.add(std::string(i * 3, 'x'), i % 7 == 3 ? LogWorld::committed : LogWorld::finalized);
  world.add_dataless(3);
  testing::poke(world.kernel, world.ring, 0x1800, std::as_bytes(std::span(data, size)));

  const auto log = linux::kernel_log(world.kernel);
  if (!log) return 0;
  // As many as there are descriptors, unless the ring was made to claim more; then each chunk of it costs a
  // read.
  std::size_t text = 0;
  for (const auto& record : log->entries) {
    if (record.level > 7 || record.text.size() > 0xffff || record.subsystem.size() > 64 ||
        record.device.size() > 64)
      __builtin_trap();
    text += record.text.size();
  }
  if (text > std::size_t{64} << 20 || log->problems.size() > linux::Listing<linux::LogRecord>::kMaxProblems)
    __builtin_trap();
  return 0;
}
