// SPDX-License-Identifier: Apache-2.0
// The input is pokes into a small kernel that has pointers in each of its subsystems: places and values. The
// walks end, and nothing is listed that is not set.
#include "guest/linux/hooks/execution.h"
#include "guest/linux/hooks/files.h"
#include "guest/linux/hooks/network.h"
#include "guest/linux/hooks/notifiers.h"
#include "guest/linux/hooks/settings.h"
#include "guest/linux/hooks/terminals.h"
#include "tests/unit/support/hook_world.h"
#include "tests/unit/support/pokes.h"

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  using testing::HookWorld;
  namespace linux = guest::linux;
  static const auto btf = [] {
    HookWorld world;
    return world.kernel.btf().value();
  }();

  HookWorld world;
  world.kernel.set_btf(btf);
  // The first half of the pokes goes to objects of FakeKernel, the other to variables of the image.
  const auto bytes = std::as_bytes(std::span(data, size));
  testing::poke(world.kernel, guest::Gva{0x200000}, 0x4000, bytes.first(size / 2));
  testing::poke(world.kernel, guest::Gva{HookWorld::kData}, 0x4000, bytes.subspan(size / 2));

  for (const auto list : {linux::notifiers,
                          linux::netfilter_hooks,
                          linux::packet_handlers,
                          linux::network_protocols,
                          linux::device_operations,
                          linux::proc_entries,
                          linux::sequence_operations,
                          linux::file_operations,
                          linux::file_systems,
                          linux::operation_functions,
                          linux::binary_formats,
                          linux::character_devices,
                          linux::line_disciplines,
                          linux::tty_drivers,
                          linux::input_handlers,
                          linux::sysrq_keys,
                          linux::timers,
                          linux::work_items,
                          linux::softirqs,
                          linux::interrupt_handlers,
                          linux::kernel_threads}) {
    const auto hooks = list(world.kernel);
    if (!hooks) continue;
    if (hooks->entries.size() > linux::kMaxHooks) __builtin_trap();
    for (const auto& hook : hooks->entries)
      if (hook.target.value == 0 || hook.slot.empty()) __builtin_trap();
  }
  (void)linux::settings(world.kernel, [](std::string_view) { return true; });
  return 0;
}
