// SPDX-License-Identifier: Apache-2.0
// Types and symbols that were imported of a kernel that holds none.
#include "guest/linux/golden/kernel_debug.h"

#include "guest/linux/symbol_encoder.h"
#include "tests/unit/support/btf_writer.h"
#include "tests/unit/support/elf_writer.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

Symbol symbol(std::string name, std::uint64_t address, char type = 'd') {
  return {std::move(name), Gva{address}, type};
}

TEST(EncodedSymbols, AreFoundByNameAndByAddress) {
  for (const unsigned bits : {32u, 64u}) {
    const std::uint64_t base = bits == 64 ? 0xffffffff81000000 : 0xc1000000;
    const auto table = encode_symbols({symbol("second", base + 0x100), symbol("_text", base, 'T'),
                                       symbol("same", base + 0x200), symbol("same", base + 0x300)},
                                      bits);
    ASSERT_TRUE(table) << table.error().message;
    ASSERT_EQ((*table)->size(), 4u);
    EXPECT_EQ((*table)->address(*(*table)->find("second")), base + 0x100) << bits;
    EXPECT_EQ((*table)->address(*(*table)->find("second"), 0x1000), base + 0x1100)
        << "a kernel that was moved";
    EXPECT_EQ((*table)->find_all("same").size(), 2u);
    EXPECT_EQ((*table)->symbol(*(*table)->at_or_before(base + 0x1ff)).name, "second");
    EXPECT_EQ((*table)->type(0), 'T');
  }
}

TEST(EncodedSymbols, KeepPerCpuVariablesOf64BitsWhereTheyAre) {
  const std::uint64_t base = 0xffffffff81000000;
  const auto table = encode_symbols({symbol("current_task", 0x1ad00, 'A'), symbol("_text", base, 'T')}, 64);
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ((*table)->address(*(*table)->find("current_task"), 0x1000), 0x1ad00u);
  EXPECT_EQ((*table)->address(*(*table)->find("_text"), 0x1000), base + 0x1000);
}

TEST(EncodedSymbols, BeginWithTheImage) {
  // Among the absolute symbols of a vmlinux are numbers: where the image is loaded, how large it is.
  const auto table = encode_symbols({symbol("phys_startup_32", 0x1000000, 'A'),
                                     symbol("_text", 0xc1000000, 'T'), symbol("init_task", 0xc1c5f4c0)},
                                    32);
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ((*table)->size(), 2u);
  EXPECT_EQ((*table)->address(*(*table)->find("init_task"), 0x4000000), 0xc5c5f4c0u);
}

TEST(EncodedSymbols, LeaveOutWhatIsNoName) {
  const auto table =
      encode_symbols({symbol("", 0xc1000000), symbol("two words", 0xc1000000), symbol("good", 0xc1000000),
                      symbol(std::string(600, 'x'), 0xc1000000), symbol("absolute", 0x20)},
                     32);
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ((*table)->size(), 1u);
  EXPECT_FALSE(encode_symbols({}, 32));
}

TEST(KernelDebug, IsWhatWasPacked) {
  testing::BtfWriter btf;
  const auto number = btf.integer("int", 4);
  btf.struct_("static_key", 4, {{"enabled", number, 0}});
  const auto table = encode_symbols({symbol("netstamp_needed_key", 0xc1f05404, 'b')}, 32);
  ASSERT_TRUE(table);
  Bytes packed(16);
  const Bytes types = btf.finish(), symbols = (*table)->serialise();
  const std::uint64_t bits = 32, size = types.size();
  std::memcpy(packed.data(), &bits, 8);
  std::memcpy(packed.data() + 8, &size, 8);
  packed.insert(packed.end(), types.begin(), types.end());
  packed.insert(packed.end(), symbols.begin(), symbols.end());
  const auto debug = KernelDebug::parse(packed);
  ASSERT_TRUE(debug) << debug.error().message;
  EXPECT_EQ((*debug)->bits(), 32u);
  EXPECT_TRUE((*debug)->types()->has("static_key", "enabled"));
  EXPECT_TRUE((*debug)->symbols()->find("netstamp_needed_key"));
  for (std::size_t cut = 0; cut < packed.size(); cut += 7)
    EXPECT_FALSE(KernelDebug::parse(Bytes(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(cut))))
        << cut;
}

}  // namespace
}  // namespace ringside::guest::linux
