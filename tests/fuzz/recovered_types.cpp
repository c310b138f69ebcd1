// SPDX-License-Identifier: Apache-2.0
// A small 32-bit system whose memory the input changes: each eight bytes are an address and a word to put
// there. Addresses outside of the heap and the image choose among the places that the system uses.
#include "guest/linux/recovered_types.h"

#include "tests/unit/support/untyped_objects.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace {

using namespace ringside;
using testing::UntypedKernelWorld;

constexpr std::size_t kMaxChanges = 4096;

std::uint32_t place(std::uint32_t number, const testing::UntypedObjects& objects) {
  constexpr std::uint32_t kEnd = UntypedKernelWorld::kDirectMap + UntypedKernelWorld::kRam - 4;
  if (number >= UntypedKernelWorld::kDirectMap && number < kEnd) return number;
  const std::uint32_t offset = (number >> 8) % 2048, choice = number & 0xff;
  if (choice == 0) return objects.init_task + offset;
  if (choice < 8) return objects.module_objects[choice % objects.module_objects.size()] + offset;
  if (choice < 128) return objects.tasks[choice % objects.tasks.size()] + offset;
  return UntypedKernelWorld::kHeap + (number >> 8) % 0x80000;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  UntypedKernelWorld world;
  const testing::UntypedObjects objects(world, {});
  for (std::size_t at = 0; at + 8 <= size && at / 8 < kMaxChanges; at += 8)
    world.put(place(*load_le<std::uint32_t>(input, at), objects), *load_le<std::uint32_t>(input, at + 4));

  const auto types = guest::linux::recover_types(world);
  if (!types) return 0;
  for (const auto& [name, field] : (*types)->members()) {
    if (field.offset > 4096 || field.size > 4096) __builtin_trap();
    const auto dot = name.find('.');
    const auto again = (*types)->field(name.substr(0, dot), name.substr(dot + 1));
    if (!again || *again != field) __builtin_trap();
  }
  static_cast<void>((*types)->field("task_struct", "tasks.next.prev[3]"));
  return 0;
}
