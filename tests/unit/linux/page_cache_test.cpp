// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/page_cache.h"

#include "tests/unit/support/file_world.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::FileWorld;
using Page = FileWorld::Page;

constexpr std::uint64_t kValue = 1;  // bit 0: no page

std::vector<std::pair<std::uint64_t, std::uint64_t>> runs(const Listing<CachedPage>& listing) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
  for (const auto& page : listing.entries) all.emplace_back(page.index, page.count);
  return all;
}
using Runs = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

/// The first page of a folio of 2^`order` pages.
Gva folio(FileWorld& world, std::uint64_t frame, std::uint64_t index, std::uint8_t order) {
  const Gva page = world.page(frame, index, 1u << Page::head | 1u << Page::up_to_date);
  world.kernel.put(page + Page::order, order);
  return page;
}

TEST(PageCache, ListsPagesAndSkipsShadowsOfEvictedOnes) {
  FileWorld world;
  (void)world.plain_file("data");
  world.cache(world.last_inode, {{0, world.page(0x100, 0).value},
                                 {1, 0x1234 | kValue},
                                 {2, world.page(0x105, 2, 1u << Page::dirty | 1u << Page::up_to_date).value},
                                 {9, world.page(0x106, 9, 0).value}});
  const auto listing = page_cache(world.kernel, world.last_inode);
  ASSERT_TRUE(listing);
  EXPECT_TRUE(listing->problems.empty());
  EXPECT_EQ(runs(*listing), (Runs{{0, 1}, {2, 1}, {9, 1}}));
  EXPECT_EQ(listing->entries[0].gpa, Gpa{0x100000});
  EXPECT_FALSE(listing->entries[0].dirty);
  EXPECT_TRUE(listing->entries[0].up_to_date);
  EXPECT_TRUE(listing->entries[1].dirty);
  EXPECT_FALSE(listing->entries[2].up_to_date);
}

TEST(PageCache, AFolioIsOneRunWhateverItsEntriesLookLike) {
  FileWorld world;
  (void)world.plain_file("old");
  const Gva old = world.last_inode;
  const auto head = folio(world, 0x210, 8, 1).value;
  world.cache(old, {{8, head}, {9, head}});
  (void)world.plain_file("data");
  // From 5.17 on the others are siblings of the first (slot number * 4 + 2); before, all held the first page.
  world.cache(world.last_inode,
              {{4, folio(world, 0x200, 4, 2).value}, {5, 4 << 2 | 2}, {6, 4 << 2 | 2}, {7, 4 << 2 | 2}});
  const auto siblings = page_cache(world.kernel, world.last_inode);
  ASSERT_TRUE(siblings);
  EXPECT_EQ(runs(*siblings), (Runs{{4, 4}}));
  const auto third = find_cached_page(world.kernel, world.last_inode, 6);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->state, CacheLookup::State::present);
  EXPECT_EQ(third->page.gpa, Gpa{0x202000});
  EXPECT_EQ(third->page.count, 1u);
  EXPECT_EQ(runs(page_cache(world.kernel, old).value()), (Runs{{8, 2}}));
}

TEST(PageCache, APageThatSaysItStandsElsewhereIsNotTaken) {
  FileWorld world;
  (void)world.plain_file("data");
  world.cache(world.last_inode, {{0, world.page(0x100, 5).value}, {1, world.page(0x101, 1).value}});
  const auto listing = page_cache(world.kernel, world.last_inode);
  ASSERT_TRUE(listing);
  EXPECT_EQ(runs(*listing), (Runs{{1, 1}}));
  ASSERT_EQ(listing->problems.size(), 1u);
  EXPECT_EQ(listing->problems[0].code, Errc::mismatch);
  EXPECT_EQ(find_cached_page(world.kernel, world.last_inode, 0).error().code, Errc::mismatch);
}

TEST(PageCache, WhatIsNoPageStructureOrTooLargeIsAnError) {
  FileWorld world;
  (void)world.plain_file("data");
  world.cache(world.last_inode,
              {{0, world.root.value}, {1, world.vmemmap.value + 8}, {2, folio(world, 0x100, 2, 40).value}});
  const auto listing = page_cache(world.kernel, world.last_inode);
  ASSERT_TRUE(listing);
  EXPECT_TRUE(listing->entries.empty());
  EXPECT_EQ(listing->problems.size(), 3u);
}

TEST(PageCache, TellsSwappedSharedMemoryFromEvictedFiles) {
  FileWorld world;
  const Gva shmem = world.kernel.define_variable("shmem_aops", 8);
  const std::uint64_t swap = (std::uint64_t{2} << 58 | 77) << 1 | kValue;
  (void)world.plain_file("file");
  const Gva file = world.last_inode;
  world.cache(file, {{0, swap}});
  (void)world.plain_file("shared");
  world.cache(world.last_inode, {{0, swap}});
  world.kernel.put_pointer(world.last_inode + FileWorld::Inode::data + FileWorld::Mapping::operations,
                           shmem.value);
  const auto found = find_cached_page(world.kernel, world.last_inode, 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, CacheLookup::State::swapped);
  EXPECT_EQ(found->swap_area, 2u);
  EXPECT_EQ(found->swap_offset, 77u);
  EXPECT_EQ(find_cached_page(world.kernel, file, 0)->state, CacheLookup::State::absent);
  EXPECT_EQ(find_cached_page(world.kernel, file, 64)->state, CacheLookup::State::absent);
}

TEST(PageCache, GivesTheContentOfAFile) {
  FileWorld world;
  (void)world.plain_file("data");
  world.cache(world.last_inode, {{0, world.page(0x300, 0).value}, {1, world.page(0x310, 1).value}});
  world.kernel.memory().write(Gpa{0x300ffe}, as_bytes("ab"));
  world.kernel.memory().write(Gpa{0x310000}, as_bytes("cd"));
  std::string text(4, '?');
  const auto into = std::as_writable_bytes(std::span(text));
  ASSERT_TRUE(read_cached(world.kernel, world.last_inode, 0xffe, into));
  EXPECT_EQ(text, "abcd");
  const auto past = read_cached(world.kernel, world.last_inode, 0x1ffe, into);
  ASSERT_FALSE(past);
  EXPECT_EQ(past.error().code, Errc::unavailable);
  EXPECT_EQ(past.error().message, "page 2 of the file is not in memory");
}

TEST(PageCache, OfWhatIsNoInodeIsAnError) {
  FileWorld world;
  EXPECT_FALSE(page_cache(world.kernel, Gva{0}));
  EXPECT_FALSE(page_cache(world.kernel, Gva{0xdead'0000'0000}));
}

}  // namespace
}  // namespace ringside::guest::linux
