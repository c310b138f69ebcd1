// SPDX-License-Identifier: Apache-2.0
// A 32-bit kernel with 2-level paging: each process has a copy of the highest table, and the kernel's own
// counts.
#include "guest/linux/pages/own_page_tables.h"

#include "guest/linux/pages/kernel_mappings.h"
#include "guest/x86/paging_format.h"
#include "tests/unit/support/fake_kernel.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;
namespace pte = x86::pte;

constexpr std::uint64_t kLarge = 0x80, kText = 0xc1000000;  // PS: 4 MiB

class OwnPageTables : public ::testing::Test {
 protected:
  OwnPageTables() : kernel(32) {
    auto& root = kernel.mutable_identity().root;
    root.mode = x86::PagingMode::two_level;
    root.pse = true;
    process = Gva{0x10000};
    own = Gva{0x20000};
    root.table = Gpa{process.value};
    for (const Gva table : {process, own}) {
      for (unsigned i = 0; i < 1024; ++i) kernel.put(table + i * 4, std::uint32_t{0});
      map(table, pte::kPresent);
    }
  }
  void map(Gva table, std::uint64_t rights) {
    kernel.put(table + (kText >> 22) * 4, static_cast<std::uint32_t>(0x1000000 | kLarge | rights));
  }
  bool writable() {
    const auto& mappings = KernelMappings::of(kernel);
    EXPECT_TRUE(mappings) << mappings.error().message;
    const auto* run = mappings ? mappings->find(Gva{kText}) : nullptr;
    EXPECT_NE(run, nullptr);
    return run != nullptr && run->mapping.permissions.writable;
  }

  FakeKernel kernel;
  Gva process, own;
};

TEST_F(OwnPageTables, AreWalkedAndNotThoseOfTheProcessThatRan) {
  kernel.define("swapper_pg_dir", own);
  map(own, pte::kPresent | pte::kWritable);
  EXPECT_EQ(own_page_tables(kernel).value().table, Gpa{own.value});
  EXPECT_TRUE(writable());
  EXPECT_EQ(KernelMappings::of(kernel)->problem(), std::nullopt);
}

TEST_F(OwnPageTables, AProcessThatDiffersDoesNotHideThem) {
  kernel.define("swapper_pg_dir", own);
  map(process, pte::kPresent | pte::kWritable);
  EXPECT_FALSE(writable());
}

TEST_F(OwnPageTables, WhereTheyAreNotKnownThatIsAProblem) {
  EXPECT_FALSE(own_page_tables(kernel));
  EXPECT_FALSE(writable());
  ASSERT_TRUE(KernelMappings::of(kernel)->problem());
  EXPECT_NE(KernelMappings::of(kernel)->problem()->message.find("of one process"), std::string::npos);
}

}  // namespace
}  // namespace ringside::guest::linux
