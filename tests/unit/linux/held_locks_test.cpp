// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/views/held_locks.h"

#include "tests/unit/support/fake_kernel.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;
constexpr std::uint64_t kTask = 0xffff888000123440;

TEST(MutexOwner, IsTheFirstWordWithoutItsFlags) {
  FakeKernel kernel;
  auto& btf = kernel.btf_writer();
  const auto word = btf.integer("long", 8);
  btf.struct_("mutex", 16, {{"owner", word, 0}, {"wait_lock", word, 64}});
  const Gva lock = kernel.define_variable("text_mutex", 32);
  kernel.define_variable("free_mutex", 32);
  kernel.put_pointer(lock, kTask | 3);
  kernel.put_pointer(lock + 8, 1);
  EXPECT_EQ(mutex_owner(kernel, "text_mutex"), Gva{kTask});
  EXPECT_EQ(mutex_owner(kernel, "free_mutex"), Gva{0});
  EXPECT_EQ(mutex_owner(kernel, "no_such_mutex"), std::nullopt);
}

TEST(MutexOwner, IsThatOfASleepingLockWithPreemptRt) {
  FakeKernel kernel;
  auto& btf = kernel.btf_writer();
  const auto word = btf.integer("long", 8);
  const auto base = btf.struct_("rt_mutex_base", 32, {{"wait_lock", word, 0}, {"owner", word, 192}});
  btf.struct_("mutex", 32, {{"rtmutex", base, 0}});
  const Gva lock = kernel.define_variable("text_mutex", 32),
            other = kernel.define_variable("other_mutex", 32);
  kernel.put_pointer(lock + 24, kTask | 1);
  kernel.put_pointer(other, 1);  // somebody waits to look at it, nobody holds it
  EXPECT_EQ(mutex_owner(kernel, "text_mutex"), Gva{kTask});
  EXPECT_EQ(mutex_owner(kernel, "other_mutex"), Gva{0});
}

TEST(MutexOwner, IsThatOfThePatchesForPreemptRtToo) {
  FakeKernel kernel;
  auto& btf = kernel.btf_writer();
  const auto word = btf.integer("long", 8);
  const auto base = btf.struct_("rt_mutex", 32, {{"wait_lock", word, 0}, {"owner", word, 128}});
  btf.struct_("mutex", 32, {{"lock", base, 0}});
  kernel.put_pointer(kernel.define_variable("text_mutex", 32) + 16, kTask);
  EXPECT_EQ(mutex_owner(kernel, "text_mutex"), Gva{kTask});
}

}  // namespace
}  // namespace ringside::guest::linux
