// SPDX-License-Identifier: Apache-2.0
// Tables that debugfs makes for open files: which are, and which only look like it.
#include "guest/linux/hooks/proxy_tables.h"

#include "tests/unit/support/fake_kernel.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;

constexpr Gva kText{0x400000}, kRead{0x400100}, kRelease{0x400200}, kElse{0x400300};

class ProxyTablesTest : public ::testing::Test {
 protected:
  ProxyTablesTest() {
    kernel.mutable_identity().image = {kText, {0x500000}};
    kernel.define("full_proxy_read", kRead, 't');
    kernel.define("full_proxy_release", kRelease, 't');
    kernel.define("vfs_read", kElse, 't');
    auto& types = kernel.btf_writer();
    const auto pointer = types.pointer(types.integer("int", 4, true));
    types.struct_("file_operations", 4 * 8, {{"owner", pointer, 0}});
  }
  /// A table of operations with these functions; 0: none.
  Gva table(const std::vector<Gva>& functions) {
    const Gva made = kernel.allocate(4 * 8);
    put(made, functions);
    return made;
  }
  void put(Gva at, const std::vector<Gva>& functions) {
    for (std::size_t i = 0; i < functions.size(); ++i) kernel.put_pointer(at + i * 8, functions[i].value);
  }
  bool is_one(Gva gva) { return ProxyTables(kernel).is_one(gva); }

  static constexpr Gva kNone{0};
  FakeKernel kernel;
};

TEST_F(ProxyTablesTest, CallDebugfsAndNothingElse) {
  const Gva proxy = table({kNone, kRead, kNone, kRelease}), other = table({kNone, kRead, kElse, kRelease}),
            module = table({kNone, kRead, Gva{0x900000}, kRelease}),
            middle = table({kNone, kRead + 1, kNone, kRelease}), last = table({kNone, kRead, kNone, kElse});
  EXPECT_TRUE(is_one(proxy));
  EXPECT_FALSE(is_one(other)) << "the kernel's own function, but none of debugfs";
  EXPECT_FALSE(is_one(module));
  EXPECT_FALSE(is_one(middle));
  EXPECT_FALSE(is_one(last));
}

TEST_F(ProxyTablesTest, PointersAreAsWideAsTheKernels) {
  kernel.mutable_identity().bits = 32;
  const Gva good = kernel.allocate(4 * 8), bad = kernel.allocate(4 * 8);
  for (int i = 0; i < 8; ++i) {
    kernel.put(good + 4 * i, i % 2 ? static_cast<std::uint32_t>(kRead.value) : 0);
    kernel.put(bad + 4 * i, i % 2 ? static_cast<std::uint32_t>(kElse.value) : 0);
  }
  EXPECT_TRUE(is_one(good));
  EXPECT_FALSE(is_one(bad));
}

TEST_F(ProxyTablesTest, WhatStandsBehindATableIsNotOfIt) {
  const Gva proxy = table({kNone, kRead, kNone, kRelease});
  put(proxy + 4 * 8, {kElse});
  EXPECT_TRUE(is_one(proxy));
}

TEST_F(ProxyTablesTest, AnEmptyTableIsNone) {
  EXPECT_FALSE(is_one(table({kNone, kNone, kNone, kNone})));
}

TEST_F(ProxyTablesTest, WhatCannotBeReadIsNone) {
  const Gva proxy = table({kNone, kRead, kNone, kRelease});
  kernel.memory().fail_page({proxy.value & ~std::uint64_t{0xfff}}, {Errc::not_ram, "gone"});
  EXPECT_FALSE(is_one(proxy));
}

TEST_F(ProxyTablesTest, ATableOfTheImageIsNone) {
  const Gva inside = kText + 0x10000;
  put(inside, {kNone, kRead, kNone, kRelease});
  EXPECT_FALSE(is_one(inside));
}

TEST(ProxyTablesOfAKernelWithoutThem, AreNone) {
  FakeKernel kernel;
  kernel.btf_writer().struct_("file_operations", 8, {});
  const Gva empty = kernel.allocate(8), table = kernel.allocate(8);
  kernel.put_pointer(table, kElse.value);
  EXPECT_FALSE(ProxyTables(kernel).is_one(empty));
  EXPECT_FALSE(ProxyTables(kernel).is_one(table));
}

}  // namespace
}  // namespace ringside::guest::linux
