// SPDX-License-Identifier: Apache-2.0
// The input is pokes into a small kernel with a process: its memory areas, page tables and a cached file.
// Whatever they make of them, each walk ends within its bounds.
#include "guest/linux/page_cache.h"
#include "guest/linux/process_details.h"
#include "guest/linux/process_maps.h"
#include "guest/linux/user_memory.h"
#include "tests/unit/support/file_world.h"
#include "tests/unit/support/pokes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringside;
  using guest::Gva;
  using testing::FileWorld;
  namespace linux = guest::linux;
  static const auto btf = [] {
    FileWorld world;
    return world.kernel.btf().value();
  }();

  FileWorld world;
  world.kernel.set_btf(btf);
  world.kernel.mutable_identity().root.mode = guest::x86::PagingMode::four_level;
  const Gva program = world.plain_file("program"), inode = world.last_inode;
  world.cache(inode, {{0, world.page(0x300, 0).value},
                      {1, 0x1235},
                      {4, world.page(0x304, 4, 1u << FileWorld::Page::head).value}});
  const Gva mm = world.mm({world.area(0x400000, 0x408000, 5, program), world.area(0x600000, 0x700000, 3),
                           world.area(0x7ff000, 0x800000, 3)});
  // Page tables behind the objects, so that pokes reach them too.
  const Gva top = Gva{(world.kernel.allocate(5 * guest::kPageSize).value + 0xfff) & ~std::uint64_t{0xfff}};
  for (std::uint64_t i = 0; i < 3; ++i)
    world.kernel.put(top + i * guest::kPageSize + (i == 2 ? 16 : 0),
                     (top + (i + 1) * guest::kPageSize).value | 7);
  world.kernel.put(top + 3 * guest::kPageSize, std::uint64_t{0x300007});
  world.kernel.put(top + 3 * guest::kPageSize + 8, std::uint64_t{0x1000});
  world.kernel.put_pointer(mm + FileWorld::Mm::pgd, top.value);
  world.kernel.put(mm + FileWorld::Mm::arg_start, std::uint64_t{0x400000});
  world.kernel.put(mm + FileWorld::Mm::arg_end, std::uint64_t{0x400020});
  testing::poke(world.kernel, world.root_super, 0x40000, std::as_bytes(std::span(data, size)));

  const auto areas = linux::memory_areas(world.kernel, mm);
  if (areas) {
    if (areas->entries.size() > linux::kMaxAreas) __builtin_trap();
    Gva end{0};
    for (const auto& area : areas->entries) {
      if (area.end <= area.start || area.start < end) __builtin_trap();
      end = area.end;
    }
  }
  constexpr std::uint64_t kMost = 1024;
  const auto pages = linux::page_cache(world.kernel, inode, kMost);
  if (pages) {
    std::uint64_t next = 0;
    for (const auto& page : pages->entries) {
      if (page.index < next || page.count == 0) __builtin_trap();
      next = page.index + page.count;
    }
  }
  std::array<std::byte, 64> bytes;
  (void)linux::read_cached(world.kernel, inode, 0x4ff0, bytes);
  if (auto memory = linux::ProcessMemory::of(world.kernel, mm)) {
    for (const std::uint64_t gva : {0x400000, 0x401fe0, 0x404000, 0x600000, 0x7ff000, 0x900000})
      (void)memory->read(Gva{gva}, bytes);
    constexpr std::size_t kSome = 1u << 16;
    if (const auto some = memory->read_some(Gva{0x400000}, kSome); some && some->size() > kSome)
      __builtin_trap();
  }
  for (auto* text : {&linux::command_line, &linux::environment})
    if (const auto block = text(world.kernel, mm); block && block->size() > linux::kMaxArgumentBytes)
      __builtin_trap();
  return 0;
}
