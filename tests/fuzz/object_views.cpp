// SPDX-License-Identifier: Apache-2.0
// The input is pokes into small kernels: one with modules, one with tasks, each in all the records that are
// held against each other. Whatever it makes of them, the walks end, within their bounds.
#include "guest/linux/views/credential_views.h"
#include "guest/linux/views/module_views.h"
#include "guest/linux/views/task_views.h"
#include "tests/unit/support/module_view_world.h"
#include "tests/unit/support/pokes.h"
#include "tests/unit/support/task_view_world.h"

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>

namespace {

using namespace ringside;
namespace linux = guest::linux;
using testing::ModuleViewWorld;
using testing::TaskViewWorld;

constexpr guest::Gva kFirst{0x200000};  // of FakeKernel's objects

void of_modules(ModuleViewWorld::Areas areas, ByteView input) {
  ModuleViewWorld world(areas);
  for (const char* name : {"veth", "bridge", "evil"}) world.add(name);
  ModuleViewWorld::take_out(world.listed, world.listed.back());
  world.finish();
  // Every other poke goes into the modules themselves.
  testing::poke(world.kernel, kFirst, 0x4000, input.first(input.size() / 20 * 10));
  testing::poke(world.kernel, guest::Gva{ModuleViewWorld::kModules}, 0x30000,
                input.subspan(input.size() / 20 * 10));
  const auto listing = linux::module_views(world.kernel);
  if (listing.entries.size() > 2 * linux::kMaxModules) __builtin_trap();
  std::set<std::uint64_t> seen;
  for (const auto& view : listing.entries) {
    if (view.address.value != 0 && !seen.insert(view.address.value).second) __builtin_trap();
    if (view.module && view.module->name.size() > 56) __builtin_trap();
  }
}

void of_tasks(ByteView input) {
  TaskViewWorld world;
  const auto init = world.add(1, "init"), shell = world.add(7, "shell");
  world.add(8, "worker", shell);
  const auto space = world.add_pid_ns(), inside = world.add(20, "inside");
  const auto pid = world.add_pid(inside, {20, 1}, space);
  world.set_pid(inside, pid);
  world.into_table(space, 1, pid);
  world.queued = {init};
  world.real_time = {shell};
  world.finish();
  testing::poke(world.kernel, kFirst, 0x4000, input);
  const auto listing = linux::task_views(world.kernel);
  if (listing.entries.size() > linux::kMaxTasks) __builtin_trap();
  std::set<std::uint64_t> seen;
  for (const auto& view : listing.entries)
    if (!seen.insert(view.task.address.value).second) __builtin_trap();
  if (linux::credential_views(world.kernel).entries.size() > linux::kMaxTasks) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 3) {
    case 0:
      of_tasks(input);
      break;
    case 1:
      of_modules(ModuleViewWorld::Areas::list, input);
      break;
    default:
      of_modules(ModuleViewWorld::Areas::nodes, input);
      break;
  }
  return 0;
}
