// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel_cache.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

std::shared_ptr<const KernelBuild> build(const std::string& id, std::uint64_t page_fault) {
  return std::make_shared<KernelBuild>(KernelBuild{id, nullptr, page_fault});
}

TEST(KernelCache, GivesBuildsWhoseHandlerFitsModuloTheAlignment) {
  KernelCache cache;
  cache.add(build("aa", 0xffffffff81200b60));
  cache.add(build("bb", 0xffffffff81200b70));
  const auto fitting = cache.builds(0xffffffff81200b60 + (std::uint64_t{0x36} << 21));
  ASSERT_EQ(fitting.size(), 1u);
  EXPECT_EQ(fitting[0]->build_id, "aa");
  EXPECT_TRUE(cache.builds(0xffffffff81200b61).empty());
}

TEST(KernelCache, KeepsTheNewestOfABuildAndNotTooMany) {
  KernelCache cache;
  for (int i = 0; i < 100; ++i) cache.add(build("id" + std::to_string(i % 50), 0xffffffff81000000));
  const auto kept = cache.builds(0xffffffff81000000);
  EXPECT_LE(kept.size(), 32u);
  EXPECT_EQ(kept.front()->build_id, "id49");
}

TEST(KernelCache, RemembersWhatWasCompared) {
  KernelCache cache;
  const auto ours = build("aa", 0xffffffff81000000);
  EXPECT_FALSE(cache.compared("guest build place", ours));
  cache.note_compared("guest build place", ours);
  EXPECT_TRUE(cache.compared("guest build place", ours));
  EXPECT_FALSE(cache.compared("guest build elsewhere", ours));
}

TEST(KernelCache, TakesNothingForComparedThatAnotherGuestGave) {
  KernelCache cache;
  const auto ours = build("aa", 0xffffffff81000000);
  cache.add(ours);
  cache.note_compared("guest build place", ours);
  cache.add(build("aa", 0xffffffff81000000));
  const auto theirs = cache.builds(0xffffffff81000000).front();
  EXPECT_FALSE(cache.compared("guest build place", theirs));
}

}  // namespace
}  // namespace ringside::guest::linux
