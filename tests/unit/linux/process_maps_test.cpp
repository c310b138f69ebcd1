// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/process_maps.h"

#include "tests/unit/support/file_world.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::FileWorld;
using Area = FileWorld::Area;

constexpr std::uint64_t kRead = 1, kWrite = 2, kExecute = 4, kMayShare = 0x80;

std::vector<std::string> names(const Listing<MemoryArea>& listing) {
  std::vector<std::string> all;
  for (const auto& area : listing.entries) all.push_back(area.name.value_or("?"));
  return all;
}

TEST(ProcessMaps, ListsAreasInOrderWithTheirFiles) {
  FileWorld world;
  const Gva program = world.plain_file("program", 99);
  const auto listing =
      memory_areas(world.kernel, world.mm({world.area(0x400000, 0x401000, kRead | kExecute, program, 3),
                                           world.area(0x600000, 0x602000, kRead | kWrite | kMayShare)}));
  ASSERT_TRUE(listing);
  EXPECT_TRUE(listing->problems.empty());
  ASSERT_EQ(listing->entries.size(), 2u);
  const auto &text = listing->entries[0], &data = listing->entries[1];
  EXPECT_EQ(text.start, Gva{0x400000});
  EXPECT_EQ(text.end, Gva{0x401000});
  EXPECT_EQ(text.permissions(), "r-xp");
  EXPECT_EQ(text.offset, 3u * 4096);
  EXPECT_EQ(text.device, (DeviceNumber{8, 1}));
  EXPECT_EQ(text.inode, 99u);
  EXPECT_EQ(text.name, "/program");
  EXPECT_EQ(data.permissions(), "rw-s");
  EXPECT_EQ(data.name, "");
  EXPECT_EQ(data.inode, 0u);
}

TEST(ProcessMaps, NamesHeapStackAndWhatTheKernelMaps) {
  FileWorld world;
  const Gva vdso = world.area(0x7fff'1000, 0x7fff'2000, kRead | kExecute);
  const Gva operations = world.kernel.allocate(16), function = world.kernel.allocate(16),
            special = world.kernel.allocate(16), text = world.kernel.allocate(16);
  world.kernel.define("special_mapping_name", function, 't');
  world.kernel.put_pointer(operations + 8, function.value);
  world.kernel.put_string(text, "[vdso]");
  world.kernel.put_pointer(special, text.value);
  world.kernel.put_pointer(vdso + Area::operations, operations.value);
  world.kernel.put_pointer(vdso + Area::private_data, special.value);
  const Gva named = world.area(0x900000, 0x901000, kRead), label = world.kernel.allocate(32);
  world.kernel.put_string(label + 4, "jit cache");
  world.kernel.put_pointer(named + Area::anon_name, label.value);
  const Gva shared = world.area(0x910000, 0x911000, kRead, world.plain_file("x"));
  world.kernel.put_pointer(shared + Area::anon_name, label.value);
  const Gva mm = world.mm({world.area(0x600000, 0x610000, kRead | kWrite), named, shared,
                           world.area(0x7ffe'0000, 0x7fff'0000, kRead | kWrite), vdso});
  world.kernel.put(mm + FileWorld::Mm::start_brk, std::uint64_t{0x600000});
  world.kernel.put(mm + FileWorld::Mm::brk, std::uint64_t{0x610000});
  world.kernel.put(mm + FileWorld::Mm::start_stack, std::uint64_t{0x7ffe'8000});
  const auto listing = memory_areas(world.kernel, mm);
  ASSERT_TRUE(listing);
  EXPECT_EQ(names(*listing), (std::vector<std::string>{"[heap]", "[anon:jit cache]", "[anon_shmem:jit cache]",
                                                       "[stack]", "[vdso]"}));
}

TEST(ProcessMaps, AnAreaThatOnlyTouchesTheHeapIsHeapBefore6_6) {
  const auto name = [](unsigned minor) {
    FileWorld world;
    world.kernel.mutable_identity().minor = minor;
    const Gva mm = world.mm({world.area(0x500000, 0x600000, kRead)});
    world.kernel.put(mm + FileWorld::Mm::start_brk, std::uint64_t{0x600000});
    world.kernel.put(mm + FileWorld::Mm::brk, std::uint64_t{0x600000});
    return names(memory_areas(world.kernel, mm).value()).front();
  };
  EXPECT_EQ(name(1), "[heap]");
  EXPECT_EQ(name(6), "");
}

TEST(ProcessMaps, ANameThatAnUnknownFunctionMakesIsUnknown) {
  FileWorld world;
  const Gva area = world.area(0x1000, 0x2000, kRead), operations = world.kernel.allocate(16);
  world.kernel.put_pointer(operations + 8, 0xffffffffc0000000);
  world.kernel.put_pointer(area + Area::operations, operations.value);
  const auto listing = memory_areas(world.kernel, world.mm({area}));
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->entries.size(), 1u);
  EXPECT_FALSE(listing->entries[0].name);
  ASSERT_EQ(listing->problems.size(), 1u);
  EXPECT_EQ(listing->problems[0].code, Errc::unsupported);
}

TEST(ProcessMaps, AListThatFallsBackOrLoopsEndsThere) {
  FileWorld world;
  const Gva first = world.area(0x1000, 0x2000, kRead), second = world.area(0x3000, 0x4000, kRead);
  const Gva mm = world.mm({first, second});
  world.kernel.put_pointer(second + Area::next, first.value);
  const auto listing = memory_areas(world.kernel, mm);
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->entries.size(), 2u);
  ASSERT_EQ(listing->problems.size(), 1u);
  EXPECT_EQ(listing->problems[0].code, Errc::malformed);
}

TEST(ProcessMaps, AnAreaThatIsNoneEndsTheList) {
  FileWorld world;
  const auto listing = memory_areas(
      world.kernel, world.mm({world.area(0x1000, 0x2000, kRead), world.area(0x5000, 0x5000, kRead)}));
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->entries.size(), 1u);
  EXPECT_EQ(listing->problems.size(), 1u);
}

TEST(ProcessMaps, AFileThatCannotBeReadCostsItsCellsOnly) {
  FileWorld world;
  const auto listing =
      memory_areas(world.kernel, world.mm({world.area(0x1000, 0x2000, kRead, Gva{0xdead'0000'0000}),
                                           world.area(0x3000, 0x4000, kRead, world.plain_file("fine", 7))}));
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->entries.size(), 2u);
  EXPECT_FALSE(listing->entries[0].name);
  EXPECT_FALSE(listing->entries[0].inode);
  EXPECT_EQ(listing->entries[1].name, "/fine");
  EXPECT_EQ(listing->entries[1].inode, 7u);
}

TEST(ProcessMaps, OfAKernelThreadAreNone) {
  FileWorld world;
  const auto listing = memory_areas(world.kernel, Gva{0});
  ASSERT_TRUE(listing);
  EXPECT_TRUE(listing->entries.empty());
}

}  // namespace
}  // namespace ringside::guest::linux
