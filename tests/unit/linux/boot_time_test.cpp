// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/boot_time.h"

#include "tests/unit/support/fake_kernel.h"

#include <gtest/gtest.h>

#include <array>

namespace ringside::guest::linux {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// A guest that booted at second 1 000 000 and was suspended for 10 s since.
class BootTime : public ::testing::Test {
 protected:
  void describe(bool named) {
    auto& btf = kernel_.btf_writer();
    const auto s64 = btf.integer("long long", 8, true), u32 = btf.integer("unsigned int", 4);
    const auto timespec = btf.struct_("timespec64", 16, {{"tv_sec", s64, 0}, {"tv_nsec", s64, 64}});
    const auto timekeeper = btf.struct_("timekeeper", 48,
                                        {{"ktime_sec", s64, 0},
                                         {"wall_to_monotonic", timespec, 64},
                                         {"offs_real", s64, 192},
                                         {"offs_boot", s64, 256}});
    const auto counter = btf.struct_("seqcount_raw_spinlock", 4, {{"sequence", u32, 0}});
    btf.typedef_("seqcount_raw_spinlock_t", counter);
    if (named) btf.struct_("tk_data", 128, {{"seq", counter, 0}, {"timekeeper", timekeeper, 256}});
  }
  void fill(Gva timekeeper) {
    kernel_.put(timekeeper + 8, std::int64_t{-1'000'010 - 1});
    kernel_.put(timekeeper + 16, std::int64_t{kSecond / 4 * 3});
    kernel_.put(timekeeper + 24, 1'000'010 * kSecond + kSecond / 4);
    kernel_.put(timekeeper + 32, 10 * kSecond);
  }
  static constexpr std::int64_t kExpected = 1'000'000 * kSecond + kSecond / 4;

  testing::FakeKernel kernel_;
};

TEST_F(BootTime, IsFoundBehindTheCounterOfAStructWithoutAName) {
  describe(false);
  fill(kernel_.define_variable("tk_core", 128) + 8);
  const auto found = boot_time(kernel_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->time_since_epoch().count(), kExpected);
}

TEST_F(BootTime, IsFoundByTypeWhereTheStructHasAName) {
  describe(true);
  fill(kernel_.define_variable("timekeeper_data", 256) + 32);
  const auto found = boot_time(kernel_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->time_since_epoch().count(), kExpected);
}

TEST_F(BootTime, HowLongItIsUpStandsBesideIt) {
  describe(true);
  const Gva timekeeper = kernel_.define_variable("timekeeper_data", 256) + 32;
  fill(timekeeper);
  kernel_.put(timekeeper, std::int64_t{77});
  ASSERT_TRUE(uptime(kernel_)) << uptime(kernel_).error().message;
  EXPECT_EQ(*uptime(kernel_), std::chrono::seconds(77));
}

TEST_F(BootTime, AKernelThatIsUpForThousandsOfYearsSaysNothing) {
  describe(true);
  const Gva timekeeper = kernel_.define_variable("timekeeper_data", 256) + 32;
  fill(timekeeper);
  kernel_.put(timekeeper, 100 * kSecond);
  ASSERT_FALSE(uptime(kernel_));
  EXPECT_EQ(uptime(kernel_).error().code, Errc::mismatch);
}

TEST_F(BootTime, WhatIsNoTimekeeperIsAMismatch) {
  describe(false);
  fill(kernel_.define_variable("tk_core", 128) + 16);
  const auto found = boot_time(kernel_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::mismatch);
  EXPECT_FALSE(uptime(kernel_));
}

TEST_F(BootTime, IsUnknownWhereTheTimekeeperHasNoSymbol) {
  describe(false);
  const auto found = boot_time(kernel_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::not_found);
}

/// An i386 kernel: no types, and only functions have symbols. Its getboottime64() holds addresses.
class BootTimeByCode : public ::testing::Test {
 protected:
  BootTimeByCode() {
    const Gva code = kernel_.allocate(256);
    kernel_.define("getboottime64", code, 'T');
    kernel_.define("getboottime64_end", code + 64, 'T');
    kernel_.mutable_identity().text = {code, code + 256};
    kernel_.set_recovered_types(nullptr);
    timekeeper_ = kernel_.allocate(64);
    const auto real = static_cast<std::uint32_t>((timekeeper_ + 12).value);
    const std::array<std::uint32_t, 4> words = {real + 4, real, real + 8, real + 12};
    for (std::size_t i = 0; i < words.size(); ++i) kernel_.put(code + (7 + i * 6), words[i]);
  }
  void fill(std::int64_t seconds) {
    kernel_.put(timekeeper_, -seconds - 1);
    kernel_.put(timekeeper_ + 8, std::int32_t{kSecond / 4 * 3});
    kernel_.put(timekeeper_ + 12, 1'000'010 * kSecond + kSecond / 4);
    kernel_.put(timekeeper_ + 20, 10 * kSecond);
  }

  testing::FakeKernel kernel_{32};
  Gva timekeeper_;
};

TEST_F(BootTimeByCode, IsWhatTheCodeSubtracts) {
  fill(1'000'010);
  const auto found = boot_time(kernel_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->time_since_epoch().count(), 1'000'000 * kSecond + kSecond / 4);
}

TEST_F(BootTimeByCode, IsUnknownWhereTheCrossCheckFails) {
  fill(1'000'011);
  const auto found = boot_time(kernel_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace ringside::guest::linux
