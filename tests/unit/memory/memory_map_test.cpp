// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/memory_map.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace ringside::guest::memory {
namespace {

using Kind = MemoryRange::Kind;

/// Text that QEMU 7.2 printed, port I/O views cut short.
std::string fixture(const std::string& name) {
  std::ifstream file(RINGSIDE_SOURCE_DIR "/tests/unit/memory/fixtures/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

MemoryRange range(std::uint64_t start, std::uint64_t size, Kind kind, std::string block,
                  std::uint64_t offset = 0) {
  return {Gpa{start}, size, kind, std::move(block), offset, {}};
}

/// A view with these lines in address space "memory".
std::string view(const std::string& lines) {
  return "FlatView #0\n AS \"memory\", root: system\n Root memory region: system\n" + lines + "\n";
}

TEST(FlatView, ReadsASmallPcGuest) {
  const auto map = parse_flat_view(fixture("mtree-pc256.txt"));
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->ranges(), (std::vector<MemoryRange>{
                               range(0, 0xa0000, Kind::ram, "pc.ram"),
                               range(0xc0000, 0x20000, Kind::rom, "pc.rom"),
                               range(0xe0000, 0x20000, Kind::rom, "pc.bios", 0x20000),
                               range(0x100000, 0xff00000, Kind::ram, "pc.ram", 0x100000),
                               range(0xfffc0000, 0x40000, Kind::rom, "pc.bios"),
                           }));
  EXPECT_EQ(map->ram_size(), (256u << 20) - 0x60000);
}

TEST(FlatView, ReadsRamAboveTheHoleBelowFourGiB) {
  const auto map = parse_flat_view(fixture("mtree-pc5g.txt"));
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->ranges().back(), range(0x100000000, 0x80000000, Kind::ram, "mem0", 0xc0000000));
  EXPECT_EQ(map->find(Gpa{0xc0000000}), nullptr);
  EXPECT_EQ(map->find(Gpa{0xfee00000}), nullptr);
}

TEST(FlatView, ReadsSeveralMemoryBackends) {
  const auto numa = parse_flat_view(fixture("mtree-numa.txt"));
  ASSERT_TRUE(numa) << numa.error().message;
  EXPECT_EQ(numa->find(Gpa{0xfffffff})->block, "m0");
  EXPECT_EQ(*numa->find(Gpa{0x10000000}), range(0x10000000, 0x10000000, Kind::ram, "m1"));
  const auto dimm = parse_flat_view(fixture("mtree-dimm.txt"));
  ASSERT_TRUE(dimm) << dimm.error().message;
  EXPECT_EQ(dimm->ranges().back(), range(0x100000000, 128u << 20, Kind::ram, "dm1"));
}

TEST(FlatView, ReadsAQ35Guest) {
  const auto map = parse_flat_view(fixture("mtree-q35.txt"));
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->ranges().back(), range(0x100000000, 0x40000000, Kind::ram, "pc.ram", 0x80000000));
}

TEST(FlatView, LineEndsDoNotMatter) {
  std::string text = fixture("mtree-pc5g.txt");
  const auto crlf = parse_flat_view(text);
  std::erase(text, '\r');
  EXPECT_EQ(parse_flat_view(text).value(), crlf.value());
}

TEST(FlatView, TakesRomDevicesAndNvdimmsButNoDeviceMemory) {
  const auto map = parse_flat_view(
      view("  0000000000000000-0000000000000fff (prio 0, romd): system.flash0 KVM\n"
           "  0000000000001000-0000000000001fff (prio -1, nv-ram): nvdimm one @0000000000003000 KVM\n"
           "  0000000000002000-0000000000002fff (prio 0, ramd): 0000:01:00.0 BAR 0 mmaps[0] KVM\n"
           "  0000000000003000-0000000000003fff (prio 0, i/o): odd name (x): y @0000000000000010\n"));
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->ranges(), (std::vector<MemoryRange>{
                               range(0, 0x1000, Kind::rom, "system.flash0"),
                               range(0x1000, 0x1000, Kind::ram, "nvdimm one", 0x3000),
                           }));
}

TEST(FlatView, OtherAddressSpacesAreNotMixedIn) {
  const auto map = parse_flat_view(
      "FlatView #0\n AS \"cpu-smm-0\", root: memory\n Root memory region: memory\n"
      "  0000000000000000-00000000000fffff (prio 0, ram): smram\n\n"
      "FlatView #1\n AS \"cpu-memory-0\", root: system\n AS \"memory\", root: system\n"
      " Root memory region: system\n  0000000000000000-0000000000000fff (prio 0, ram): pc.ram\n\n"
      "FlatView #2\n AS \"VGA\", root: bus\n Root memory region: bus\n"
      "  0000000000000000-00000000000fffff (prio 0, ram): other\n\n");
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->ranges(), (std::vector<MemoryRange>{range(0, 0x1000, Kind::ram, "pc.ram")}));
}

TEST(FlatView, WhatIsNoFlatViewIsMalformed) {
  for (const std::string& text : {std::string(), std::string("unknown command: 'info mtree'\r\n"), view(""),
                                  view("  No rendered FlatView\n"),
                                  view("  0000000000001000-0000000000000fff (prio 0, ram): backwards\n"),
                                  view("  0000000000000000-ffffffffffffffff (prio 0, ram): everything\n"),
                                  view("  0000000000000000-fffffffffffffffff (prio 0, ram): too long\n"),
                                  view("  0000000000000000-0000000000000fff (prio 0 ram): no comma\n"),
                                  view("  0000000000000000 (prio 0, ram): no end\n"), view("  garbage\n"),
                                  view("  0000000000000000-0000000000001fff (prio 0, ram): a\n"
                                       "  0000000000001000-0000000000002fff (prio 0, ram): b\n")}) {
    const auto map = parse_flat_view(text);
    ASSERT_FALSE(map) << text;
    EXPECT_EQ(map.error().code, Errc::malformed);
  }
}

TEST(FlatView, TooManyRangesAreOversized) {
  std::string lines;
  for (int i = 0; i < (1 << 16) + 1; ++i)
    lines += hex_address(static_cast<std::uint64_t>(i) * 0x2000).substr(2) + "-" +
             hex_address(static_cast<std::uint64_t>(i) * 0x2000 + 0xfff).substr(2) + " (prio 0, ram): x\n";
  const auto map = parse_flat_view(view(lines));
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().code, Errc::oversized);
}

TEST(MemoryMap, FindsByFirstAndLastByteOfEachRange) {
  const auto map =
      MemoryMap::create({range(0x10000, 0x1000, Kind::ram, "b"), range(0, 0x1000, Kind::ram, "a"),
                         range(0x1000, 0x1000, Kind::rom, "c")});
  ASSERT_TRUE(map);
  EXPECT_EQ(map->find(Gpa{0})->block, "a");
  EXPECT_EQ(map->find(Gpa{0xfff})->block, "a");
  EXPECT_EQ(map->find(Gpa{0x1000})->block, "c");
  EXPECT_EQ(map->find(Gpa{0x2000}), nullptr);
  EXPECT_EQ(map->find(Gpa{0xffff}), nullptr);
  EXPECT_EQ(map->find(Gpa{0x10fff})->block, "b");
  EXPECT_EQ(map->find(Gpa{0x11000}), nullptr);
  EXPECT_EQ(map->ram_size(), 0x2000u);
  EXPECT_EQ(MemoryMap().find(Gpa{0}), nullptr);
}

TEST(MemoryMap, RefusesEmptyOverlappingAndWrappingRanges) {
  EXPECT_FALSE(MemoryMap::create({range(0, 0, Kind::ram, "a")}));
  EXPECT_FALSE(MemoryMap::create({range(0xfff, 2, Kind::ram, "a"), range(0x1000, 1, Kind::ram, "b")}));
  EXPECT_FALSE(MemoryMap::create({range(0xfffffffffffff000, 0x1000, Kind::ram, "a")}));
  EXPECT_FALSE(MemoryMap::create({range(1, 0xffffffffffffffff, Kind::ram, "a")}));
}

TEST(Gpa2hva, ReadsTheAddress) {
  EXPECT_EQ(parse_gpa2hva("Host virtual address for 0x1000000 (pc.ram) is 0x7f27c8e00000\r\n").value(),
            Hva{0x7f27c8e00000});
  EXPECT_EQ(parse_gpa2hva("Host virtual address for 0x0 (a is 0xb) is 0x10").value(), Hva{0x10});
}

TEST(Gpa2hva, AnErrorTextIsMalformed) {
  for (const char* text :
       {"", "No memory is mapped at address 0xa0000\r\n", "Memory at address 0xfee00000 is not RAM\r\n",
        "Host virtual address for 0x0 (pc.ram) is 0x", "Host virtual address for 0x0 (pc.ram) is 0x0",
        "Host virtual address for 0x0 (pc.ram) is 0x11223344556677889",
        "Host virtual address for 0x0 (pc.ram) is 0x12 or so"})
    EXPECT_FALSE(parse_gpa2hva(text)) << text;
}

}  // namespace
}  // namespace ringside::guest::memory
