// SPDX-License-Identifier: Apache-2.0
// A kernel with modules, vmalloc areas and page tables, damaged: the input is a list of writes over the
// memory that holds them, tables and objects alike. Whatever they say, accounting for its code ends, and
// stays within the bounds that it states. The first byte also chooses how areas are kept.
#include "guest/linux/pages/bpf_code.h"
#include "guest/linux/pages/executable_pages.h"
#include "guest/linux/pages/ftrace_trampoline.h"
#include "guest/linux/pages/page_table_faults.h"
#include "tests/unit/support/page_world.h"

#include <cstdlib>

namespace {

namespace linux = ringside::guest::linux;
using ringside::guest::Gpa;
using ringside::guest::Gva;
using ringside::testing::PageWorld;

/// One write: bytes 0 to 3 say where, 4 to 11 what.
constexpr std::size_t kWrite = 12;
constexpr std::uint64_t kObjects = 0x200000, kObjectSpan = 0x4000, kTables = 0x2000000, kTableSpan = 0x10000,
                        kModule = 0xffffffffc0100000, kPool = 0xffffffffc0200000, kImage = 0xffffffff81000000;

void require(bool truth) {
  if (!truth) std::abort();
}

void build(PageWorld& world) {
  auto& kernel = world.kernel;
  auto& identity = kernel.mutable_identity();
  identity.image = {Gva{kImage}, Gva{kImage + 0x4000}};
  identity.text = {Gva{kImage}, Gva{kImage + 0x1000}};
  identity.image_gpa = Gpa{0x3000000};
  const Gva module = world.modules.add("veth");
  world.modules.set_region(module, {linux::ModuleRegionKind::text, kModule, 0x1000});
  world.modules.set_region(module, {linux::ModuleRegionKind::rodata, kModule + 0x1000, 0x1000});
  for (std::uint64_t i = 0; i < 4; ++i) {
    world.map(kModule + i * 0x1000, 0x3100000 + i * 0x1000, i == 0 ? PageWorld::kText : PageWorld::kData);
    world.map(kPool + i * 0x1000, 0x3200000 + i * 0x1000, PageWorld::kText);
    world.map(kImage + i * 0x1000, 0x3000000 + i * 0x1000, i == 0 ? PageWorld::kText : PageWorld::kData);
  }
  world.set_frames(world.add_area(kModule, 0x5000, 0x1000100), {0x3100000, 0x3101000}, 0xffffea0000000000);
  world.add_area(kPool, 0x5000, 0x1000200);
  kernel.put_pointer(kernel.define_variable("poking_mm", 8), world.add_mm(world.new_root()).value);
  const Gva header = kernel.allocate(8);
  kernel.put_pointer(kernel.define_variable("real_mode_header", 8), header.value);
  kernel.put(header, std::uint64_t{0x99000} | (std::uint64_t{0x9b000} << 32));
}

/// The checks on bytes alone: the input is a pack with its bitmap, or a trampoline and its original.
void check_bytes(ringside::ByteView bytes) {
  linux::BpfPack pack{Gva{kPool}, bytes.size(), std::vector<std::uint64_t>(bytes.size() / 4096 + 1, 1)};
  const std::uint64_t word = ringside::load_le<std::uint64_t>(bytes, 0).value_or(0);
  linux::wrong_in_pack(
      pack, bytes, {{Gva{kPool + (word & 0xfff)}, word >> 12, {{Gva{kPool + (word & 0xff)}, word >> 32}}}});
  linux::TrampolineOriginal original;
  original.code.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2));
  original.call = word & 0x3f;
  original.op = (word >> 8) & 0x3f;
  if ((word & 0x40) != 0) original.jump = (word >> 16) & 0x3f;
  const linux::TrampolineTargets targets{[](Gva) { return true; }, [](Gva) { return true; }};
  linux::wrong_in_trampoline(bytes, Gva{kModule}, original, targets);
  linux::trampoline_owner(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  PageWorld world((data[0] & 1) != 0);
  build(world);
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  for (std::size_t at = 0; at + kWrite <= bytes.size() && at < 64 * kWrite; at += kWrite) {
    const auto where = *ringside::load_le<std::uint32_t>(bytes, at);
    const std::uint64_t gpa = (where & 1) != 0 ? kTables + (where >> 1) % kTableSpan / 8 * 8
                                               : kObjects + (where >> 1) % kObjectSpan;
    world.kernel.memory().write({gpa}, bytes.subspan(at + 4, 8));
  }
  if (const auto pages = linux::executable_pages(world.kernel, true))
    for (const auto& row : pages->entries) require(row.size > 0 && row.size % row.page_size % 4096 == 0);
  for (std::size_t i = 0; i < linux::kPageTableFaultKinds; ++i)
    if (const auto faults = linux::page_table_faults(world.kernel, static_cast<linux::PageTableFaultKind>(i)))
      require(faults->entries.size() <= linux::kMaxFaultsOfAKind);
  check_bytes(bytes);
  return 0;
}
