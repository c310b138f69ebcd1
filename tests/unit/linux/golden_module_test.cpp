// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/golden/module_reference.h"
#include "tests/unit/support/elf_writer.h"
#include "tests/unit/support/fake_kernel.h"
#include "tests/unit/support/golden_world.h"

#include <gtest/gtest.h>

namespace ringside::guest::linux {
namespace {

using testing::ElfWriter;
using testing::explained_at;
using testing::FakeKernel;

constexpr std::uint64_t kText = 0x1000000, kRodata = 0x1002000, kSites = 0x1003000, kThunk = 0x2000000,
                        kPrinter = 0x2000100;

/// A module that calls `printer`, returns, and has a pointer to its own code in read-only data.
class GoldenModuleText : public ::testing::Test {
 protected:
  GoldenModuleText() {
    kernel_.define("printer", Gva{kPrinter}, 'T');
    kernel_.define("__x86_return_thunk", Gva{kThunk}, 'T');
    module_.name = "some_module";
    module_.state = ModuleState::live;
  }

  static Bytes file() {
    ElfWriter writer;
    const auto alloc = ElfWriter::kAlloc;
    const auto text = writer.add({".text", 1, alloc | ElfWriter::kExecute, 0, code()});
    const auto rodata = writer.add({".rodata", 1, alloc, 0, Bytes(8)});
    const auto sites = writer.add({".return_sites", 1, alloc, 0, Bytes(4)});
    writer.add({".modinfo", 1, alloc, 0,
                ElfWriter::bytes_of(std::string_view("name=some_module\0vermagic=6.1.0-fake SMP\0"
                                                     "srcversion=ABCDEF\0",
                                                     59))});
    Bytes names = ElfWriter::bytes_of(std::string_view("\0printer\0__x86_return_thunk\0", 28));
    const auto strings = writer.add({".strtab", 3, 0, 0, names});
    Bytes symbols(24);
    symbol(symbols, 1, 0, 0);                                   // printer
    symbol(symbols, 9, 0, 0);                                   // __x86_return_thunk
    symbol(symbols, 0, static_cast<std::uint16_t>(text), 0x0);  // .text
    const auto table = writer.add({".symtab", 2, 0, 0, symbols, strings, 0});
    Bytes moves;
    relocation(moves, 1, 4, 1, -4);  // PLT32
    relocation(moves, 6, 4, 2, -4);
    writer.add({".rela.text", 4, 0, 0, moves, table, text});
    moves.clear();
    relocation(moves, 0, 1, 3, 5);  // 64
    writer.add({".rela.rodata", 4, 0, 0, moves, table, rodata});
    moves.clear();
    relocation(moves, 0, 2, 3, 5);  // PC32
    writer.add({".rela.return_sites", 4, 0, 0, moves, table, sites});
    return writer.write(1);
  }
  /// "call printer; jmp __x86_return_thunk"
  static Bytes code() { return from_hex("e800000000e900000000").value(); }
  static void symbol(Bytes& into, std::uint32_t name, std::uint16_t section, std::uint64_t value) {
    ElfWriter::append_value(into, name);
    ElfWriter::append_value(into, std::uint16_t{0x10});
    ElfWriter::append_value(into, section);
    ElfWriter::append_value(into, value);
    ElfWriter::append_value(into, std::uint64_t{0});
  }
  static void relocation(Bytes& into, std::uint64_t offset, std::uint32_t type, std::uint32_t of,
                         std::int64_t addend) {
    ElfWriter::append_value(into, offset);
    ElfWriter::append_value(into, std::uint64_t{of} << 32 | type);
    ElfWriter::append_value(into, addend);
  }

  Result<std::shared_ptr<GoldenModuleReference>> reference(const std::vector<ModuleSection>& sections) {
    const auto golden = GoldenModule::parse(file()).value();
    ModuleImports imports(kernel_);
    return GoldenModuleReference::create(kernel_, module_, *golden, sections, imports);
  }
  static std::vector<ModuleSection> sections() {
    return {{".text", Gva{kText}},
            {".rodata", Gva{kRodata}},
            {".return_sites", Gva{kSites}},
            {".symtab", Gva{0x1010000}},
            {".strtab", Gva{0x1011000}}};
  }

  FakeKernel kernel_;
  Module module_;
};

TEST_F(GoldenModuleText, TellsWhatItIs) {
  const auto golden = GoldenModule::parse(file()).value();
  EXPECT_EQ(golden->name(), "some_module");
  EXPECT_EQ(golden->release(), "6.1.0-fake");
  EXPECT_EQ(golden->srcversion(), "ABCDEF");
}

TEST_F(GoldenModuleText, IsRelocatedAsTheLoaderDoesIt) {
  const auto made = reference(sections());
  ASSERT_TRUE(made) << made.error().message;
  // kPrinter - kText - 5, kThunk - kText - 10
  EXPECT_EQ(to_hex((*made)->bytes(Gva{kText}, 10).value()), "e8fb000001e9f6ffff00");
  EXPECT_EQ(to_hex((*made)->bytes(Gva{kRodata}, 8).value()), "0500000100000000");
  EXPECT_FALSE((*made)->bytes(Gva{kText}, 11));
}

TEST_F(GoldenModuleText, ItsPlacesAreExplainedAsThoseOfTheKernel) {
  const auto made = reference(sections()).value();
  kernel_.memory().write(Gpa{kText}, from_hex("e8fb000001c3cccccccc").value());
  EXPECT_EQ(explained_at(*made, Gva{kText + 5}, from_hex("c3cccccccc").value()), "return thunks");
  EXPECT_EQ(explained_at(*made, Gva{kText}, from_hex("e9").value()), std::nullopt);
}

TEST_F(GoldenModuleText, BehindItsSectionsItsTextIsClear) {
  module_.regions = {{ModuleRegionKind::text, Gva{kText - 0x10}, 0x1010}};
  const auto made = reference(sections()).value();
  ASSERT_FALSE(made->ranges().empty());
  EXPECT_EQ(made->ranges().front().first.value, kText - 0x10);
  EXPECT_EQ(made->bytes(Gva{kText + 10}, 0xff6).value(), Bytes(0xff6));
  EXPECT_FALSE(made->bytes(Gva{kText + 0x1000}, 1));
}

TEST_F(GoldenModuleText, SectionsOfAnotherModuleAreAMismatch) {
  auto other = sections();
  other[1].name = ".rodata.str1.1";
  EXPECT_EQ(reference(other).error().code, Errc::mismatch);
  other = sections();
  other.insert(other.begin() + 3, {".text.unlikely", Gva{0x1020000}});
  EXPECT_EQ(reference(other).error().code, Errc::mismatch);
}

TEST_F(GoldenModuleText, ASymbolThatIsNotKnownIsNamed) {
  module_.name = "some_module";
  FakeKernel bare;
  const auto golden = GoldenModule::parse(file()).value();
  ModuleImports imports(bare);
  const auto made = GoldenModuleReference::create(bare, module_, *golden, sections(), imports);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("printer"), std::string::npos) << made.error().message;
}

}  // namespace
}  // namespace ringside::guest::linux
