// SPDX-License-Identifier: Apache-2.0
// The input is pokes into a small kernel with three processes: places and values. Whatever it makes of the
// lists and of what tasks point to, the walks end, within their bounds.
#include "guest/linux/tasks.h"
#include "tests/unit/support/task_world.h"

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  using guest::Gva;
  namespace linux = guest::linux;
  static const auto btf = [] {
    testing::TaskWorld world;
    return world.kernel.btf().value();
  }();

  testing::TaskWorld world;
  world.kernel.set_btf(btf);
  const Gva init = world.add_process(1, "init");
  const Gva server = world.add_process(20, "server", init);
  world.add_thread(server, 21, "worker");
  const Gva kthread = world.add_process(2, "kthreadd");
  world.kernel.put(kthread + testing::TaskWorld::Task::flags, std::uint32_t{0x200020});
  world.finish();

  // 16 bits of place, in units of four bytes from the first object on; eight bytes of value, low ones also
  // as addresses of objects.
  const auto input = std::as_bytes(std::span(data, size));
  const Gva first = world.credentials;
  for (std::size_t at = 0; at + 10 <= input.size() && at < 10 * 256; at += 10) {
    const Gva place = first + std::uint64_t{*load_le<std::uint16_t>(input, at)} % 0x1000 * 4;
    auto value = *load_le<std::uint64_t>(input, at + 2);
    if ((value >> 48) == 0x4f62) value = first.value + value % 0x4000;  // "bO": an object
    world.kernel.put(place, value);
  }

  const auto processes = linux::tasks(world.kernel);
  const auto threads = linux::threads(world.kernel);
  if (processes.entries.size() > linux::kMaxTasks || threads.entries.size() > linux::kMaxTasks)
    __builtin_trap();
  if (processes.problems.size() > linux::Listing<linux::Task>::kMaxProblems) __builtin_trap();
  for (const auto& task : threads.entries)
    if (task.comm.size() > 16 || (task.name && task.name->size() > 64)) __builtin_trap();
  return 0;
}
