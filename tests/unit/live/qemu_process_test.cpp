// SPDX-License-Identifier: Apache-2.0
#include "guest/live/qemu_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace ringside::guest::live {
namespace {

using memory::MemoryMap;
using memory::MemoryRange;

TEST(ProcessStart, CountsFieldsAfterTheLastParenthesis) {
  const std::string stat = "7 (a) 9 (b) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n";
  EXPECT_EQ(parse_start_time(stat), 4711u);
}

TEST(ProcessStart, IsUnknownForZombiesAndNonsense) {
  EXPECT_FALSE(parse_start_time("7 (a) Z 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n"));
  for (const char* text :
       {"", "7", "7 (a)", "7 (a) ", "7 (a) S 1 2 3", "7 (a) S 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 x 0"})
    EXPECT_FALSE(parse_start_time(text)) << text;
}

TEST(ProcessStart, TellsAProcessFromAReuseOfItsPid) {
  const auto start = process_start(::getpid());
  ASSERT_TRUE(start);
  EXPECT_TRUE(is_alive(::getpid(), *start));
  EXPECT_FALSE(is_alive(::getpid(), *start + 1));
  EXPECT_FALSE(is_alive(0, *start));
}

TEST(Mappings, AreParsed) {
  const auto mappings = parse_mappings(
      "55d0c0000000-55d0c0100000 r-xp 00002000 fe:01 1234                       /usr/bin/qemu system\n"
      "7f0000000000-7f0010000000 rw-s 00000000 00:01 77 /memfd:ram (deleted)\n"
      "7f1000000000-7f1000001000 rw-p 00000000 00:00 0 \n");
  ASSERT_TRUE(mappings);
  ASSERT_EQ(mappings->size(), 3u);
  EXPECT_EQ((*mappings)[0], (Mapping{0x55d0c0000000, 0x55d0c0100000, true, false, true, false, 0x2000, 0xfe,
                                     1, 1234, "/usr/bin/qemu system"}));
  EXPECT_TRUE((*mappings)[1].shared);
  EXPECT_EQ((*mappings)[1].path, "/memfd:ram (deleted)");
  EXPECT_EQ((*mappings)[2].path, "");
  EXPECT_EQ(find_mapping(*mappings, 0x7f0000000000), &(*mappings)[1]);
  EXPECT_EQ(find_mapping(*mappings, 0x7f0010000000), nullptr);
  EXPECT_EQ(find_mapping(*mappings, 1), nullptr);
}

TEST(Mappings, NonsenseIsMalformed) {
  for (const char* text :
       {"x", "1-2\n", "2-1 rw-p 0 0:0 0\n", "1-2 rw 0 0:0 0\n", "1-2 rw-p 0 0:0 z\n", "1-2 rw-p 0 0:0 0"})
    EXPECT_FALSE(parse_mappings(text)) << text;
}

TEST(Mappings, OfThisProcessAreRead) {
  const auto mappings = read_mappings(::getpid());
  ASSERT_TRUE(mappings);
  int local = 0;
  EXPECT_NE(find_mapping(*mappings, reinterpret_cast<std::uint64_t>(&local)), nullptr);
}

Mapping memory_at(std::uint64_t start, std::uint64_t end, bool writable = true) {
  return {.start = start, .end = end, .readable = true, .writable = writable, .path = {}};
}

MemoryMap guest_at(std::uint64_t hva, std::uint64_t size, MemoryRange::Kind kind = MemoryRange::Kind::ram) {
  return *MemoryMap::create({{Gpa{0}, size, kind, "pc.ram", 0, Hva{hva}}});
}

TEST(IsQemu, IfItsMappingsCoverGuestMemory) {
  EXPECT_TRUE(check_is_qemu({memory_at(0x1000, 0x9000)}, guest_at(0x2000, 0x7000)));
  EXPECT_TRUE(
      check_is_qemu({memory_at(0x1000, 0x4000), memory_at(0x4000, 0x9000)}, guest_at(0x2000, 0x7000)));
}

TEST(IsQemu, NotIfAnythingIsMissing) {
  EXPECT_FALSE(check_is_qemu({}, guest_at(0x2000, 0x1000)));
  EXPECT_FALSE(check_is_qemu({memory_at(0x1000, 0x9000)}, guest_at(0x2000, 0x7001)));
  EXPECT_FALSE(
      check_is_qemu({memory_at(0x1000, 0x3000), memory_at(0x4000, 0x9000)}, guest_at(0x2000, 0x3000)));
  EXPECT_FALSE(check_is_qemu({memory_at(0x1000, 0x9000, false)}, guest_at(0x2000, 0x1000)));
  EXPECT_TRUE(
      check_is_qemu({memory_at(0x1000, 0x9000, false)}, guest_at(0x2000, 0x1000, MemoryRange::Kind::rom)));
}

TEST(IsQemu, NotIfNoHostAddressIsKnown) {
  EXPECT_FALSE(check_is_qemu({memory_at(0, 0x9000)}, guest_at(0, 0x1000)));
}

}  // namespace
}  // namespace ringside::guest::live
