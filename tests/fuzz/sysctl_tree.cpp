// SPDX-License-Identifier: Apache-2.0
// The input is pokes into a small kernel's sysctl trees: places and values. The walk ends, and names stay
// short.
#include "guest/linux/sysctl.h"
#include "tests/unit/support/pokes.h"
#include "tests/unit/support/sysctl_world.h"

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  using testing::SysctlWorld;
  namespace linux = guest::linux;
  static const auto btf = [] {
    SysctlWorld world;
    return world.kernel.btf().value();
  }();

  SysctlWorld world;
  world.kernel.set_btf(btf);
  const auto root = SysctlWorld::root(world.global);
  const auto first = world.add_directory(root, "kernel"), inner = world.add_directory(first, "random");
  world.add(first, {{"ostype", "proc_dostring", world.text("Linux"), 65},
                    {"printk", "proc_dointvec", world.kernel.allocate(16), 16},
                    {"timeout", "proc_dointvec_jiffies", world.integer(250)}});
  world.add(inner, {{"boot_id", "proc_do_uuid", world.kernel.allocate(16), 16},
                    {"ports", "proc_do_large_bitmap", world.kernel.allocate(8), 256}});
  world.add(root, {{"net", "", guest::Gva{0}, 0, 0120777}});
  const auto net = world.add_directory(SysctlWorld::root(world.add_namespace(4026531840)), "net");
  world.add(net, {{"somaxconn", "proc_dointvec", world.integer(4096)}});
  constexpr guest::Gva kFirst{0x200000};  // of FakeKernel's objects
  testing::poke(world.kernel, kFirst, 0x4000, std::as_bytes(std::span(data, size)));

  const auto values = linux::sysctls(world.kernel);
  if (!values) return 0;
  for (const auto& value : values->entries)
    if (value.name.size() > 512 || (value.value && value.value->size() > 1u << 18)) __builtin_trap();
  return 0;
}
