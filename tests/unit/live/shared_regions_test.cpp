// SPDX-License-Identifier: Apache-2.0
#include "guest/live/shared_regions.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

namespace ringside::guest::live {
namespace {

using memory::MemoryMap;
using memory::MemoryRange;

Mapping shared_at(std::uint64_t start, std::uint64_t end, std::uint64_t offset) {
  return {.start = start,
          .end = end,
          .readable = true,
          .writable = true,
          .shared = true,
          .file_offset = offset,
          .device_major = 0,
          .device_minor = 1,
          .inode = 7,
          .path = "/memfd:ram (deleted)"};
}

/// RAM below and above the hole under 4 GiB, one block.
MemoryMap split_ram(std::uint64_t low_hva, std::uint64_t high_hva) {
  return *MemoryMap::create({{Gpa{0}, 0x4000, MemoryRange::Kind::ram, "mem0", 0, Hva{low_hva}},
                             {Gpa{0x10000}, 0x4000, MemoryRange::Kind::ram, "mem0", 0x4000, Hva{high_hva}}});
}

TEST(SharedBlocks, KnowTheFileOffsetOfTheWholeBlock) {
  const std::vector<Mapping> mappings{shared_at(0x100000, 0x108000, 0x3000)};
  const auto blocks = shared_blocks(split_ram(0x100000, 0x104000), mappings);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].block, "mem0");
  EXPECT_EQ(blocks[0].file_offset, 0x3000u);
}

TEST(SharedBlocks, LeaveOutABlockWhosePiecesDisagree) {
  const std::vector<Mapping> mappings{shared_at(0x100000, 0x104000, 0), shared_at(0x200000, 0x208000, 0)};
  EXPECT_TRUE(shared_blocks(split_ram(0x100000, 0x200000), mappings).empty());
}

TEST(SharedBlocks, LeaveOutPrivateMemory) {
  Mapping mapping = shared_at(0x100000, 0x108000, 0);
  mapping.shared = false;
  EXPECT_TRUE(shared_blocks(split_ram(0x100000, 0x104000), {mapping}).empty());
}

TEST(RegionsOfProcess, FindAMemfdByItsInode) {
  const int fd = ::memfd_create("ram", MFD_CLOEXEC);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::ftruncate(fd, 0x8000), 0);
  void* at = ::mmap(nullptr, 0x4000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0x4000);
  ASSERT_NE(at, MAP_FAILED);
  const auto map = *MemoryMap::create(
      {{Gpa{0}, 0x4000, MemoryRange::Kind::ram, "mem0", 0, Hva{reinterpret_cast<std::uint64_t>(at)}}});
  const auto found = regions_of_process(map, *read_mappings(::getpid()), ::getpid());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].proven);
  EXPECT_EQ(found[0].region.file_offset, 0x4000u);
  EXPECT_TRUE(std::filesystem::equivalent(found[0].region.path, "/proc/self/fd/" + std::to_string(fd)));
  ::munmap(at, 0x4000);
  ::close(fd);
}

}  // namespace
}  // namespace ringside::guest::live
