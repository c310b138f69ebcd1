// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/memory_sizes.h"

#include "tests/unit/support/fake_kernel.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

class MemorySizesTest : public ::testing::Test {
 protected:
  MemorySizesTest() {
    auto& btf = kernel_.btf_writer();
    s64_ = btf.integer("long", 8, true);
    u64_ = btf.integer("unsigned long", 8);
    btf.enum_("", {{"MM_FILEPAGES", 0}, {"MM_ANONPAGES", 1}, {"MM_SWAPENTS", 2}, {"MM_SHMEMPAGES", 3}});
    mm_ = kernel_.allocate(256);
    kernel_.put(mm_, std::uint64_t{100});
  }

  testing::FakeKernel kernel_;
  testing::BtfWriter::Id s64_ = 0, u64_ = 0;
  Gva mm_;
};

TEST_F(MemorySizesTest, AddUpPlainCounters) {
  auto& btf = kernel_.btf_writer();
  const auto atomic = btf.struct_("atomic_long_t", 8, {{"counter", s64_, 0}});
  const auto stat = btf.struct_("mm_rss_stat", 32, {{"count", btf.array(atomic, 4), 0}});
  btf.struct_("mm_struct", 256, {{"total_vm", u64_, 0}, {"rss_stat", stat, 64}});
  for (std::int64_t i = 0; i < 4; ++i)
    kernel_.put(mm_ + 8 + 8 * static_cast<std::uint64_t>(i), std::int64_t{1} << i);
  MemorySizesReader reader(kernel_);
  EXPECT_TRUE(reader.missing().empty());
  const auto sizes = reader.read(mm_);
  ASSERT_TRUE(sizes);
  EXPECT_EQ(sizes->total, 100 * kPageSize);
  EXPECT_EQ(sizes->resident, (1 + 2 + 8) * kPageSize);
}

TEST_F(MemorySizesTest, AddTheCpusPartsOfACounter) {
  auto& btf = kernel_.btf_writer();
  const auto counter =
      btf.struct_("percpu_counter", 16, {{"count", s64_, 0}, {"counters", btf.pointer(s64_), 64}});
  btf.struct_("mm_struct", 256, {{"total_vm", u64_, 0}, {"rss_stat", btf.array(counter, 4), 64}});
  const Gva parts = kernel_.allocate(64);
  kernel_.set_per_cpu_offsets({0, 16});
  for (std::uint64_t i = 0; i < 4; ++i) {
    kernel_.put(mm_ + 8 + i * 16, std::int64_t{10});
    kernel_.put_pointer(mm_ + 8 + i * 16 + 8, (parts + i * 4).value);
    kernel_.put(parts + i * 4, std::int32_t{5});
    kernel_.put(parts + 16 + i * 4, std::int32_t{-2});
  }
  kernel_.put(parts + 4, std::int32_t{-100});  // anonymous pages: below zero counts as none
  MemorySizesReader reader(kernel_);
  EXPECT_TRUE(reader.missing().empty());
  const auto sizes = reader.read(mm_);
  ASSERT_TRUE(sizes);
  EXPECT_EQ(sizes->resident, (13 + 0 + 13) * kPageSize);
}

TEST_F(MemorySizesTest, AreUnknownAndNamedWhereTheLayoutIsAnother) {
  kernel_.btf_writer().struct_("mm_struct", 256, {{"total_vm", u64_, 0}});
  MemorySizesReader reader(kernel_);
  EXPECT_FALSE(reader.missing().empty());
  const auto sizes = reader.read(mm_);
  ASSERT_TRUE(sizes);
  EXPECT_EQ(sizes->total, 100 * kPageSize);
  EXPECT_EQ(sizes->resident, std::nullopt);
}

}  // namespace
}  // namespace ringside::guest::linux
