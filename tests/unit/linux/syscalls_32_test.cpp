// SPDX-License-Identifier: Apache-2.0
// System calls of 32-bit programs: held against their numbers, which Linux gives to one call only.
#include "guest/linux/syscall_numbers.h"
#include "guest/linux/syscalls.h"
#include "tests/unit/support/fake_kernel.h"
#include "tests/unit/support/machine_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::Code;
using testing::FakeKernel;

constexpr Gva kText{0x400000}, kTextEnd{0x500000}, kEntry{0x400200}, kTable{0x600000}, kSwitch{0x401000},
    kModule{0x900000};
constexpr unsigned kCount = 40;

/// A 32-bit kernel with 40 numbers, of which five have a call; no symbol tells where its table is.
struct World {
  World() : kernel(32) {
    kernel.mutable_identity().text = {kText, kTextEnd};
    kernel.mutable_identity().image = {kText, {0x700000}};
    kernel.define("_stext", kText, 'T');
    kernel.define("do_int80_syscall_32", kEntry, 'T');
    kernel.define("after_entry", kEntry + 0x100, 'T');
    Gva next = kText + 0x10000;
    for (const char* name : {"ni_syscall", "read", "write", "getpid", "getuid16", "rename", "rsbac"}) {
      kernel.define(std::string("__ia32_sys_") + name, next, 'T');
      functions[name] = next;
      next = next + 0x100;
    }
    kernel.define("_etext", kTextEnd, 'T');
    for (unsigned nr = 0; nr < kCount; ++nr) put(nr, "ni_syscall");
    for (const auto& [nr, name] : kCalls) put(nr, name);
  }
  void put(unsigned nr, const std::string& name) { put(nr, functions.at(name)); }
  void put(unsigned nr, Gva handler) { kernel.put_pointer(kTable + nr * 4, handler.value); }
  /// do_int80_syscall_32 as 5.10 has it, with this before: mov table(,%eax,4), %eax.
  void enter_by_table(std::string_view limit = "3d27000000 7710 3d28000000 19d2 21d0") {
    Code(kEntry).hex(limit).hex("8b0485").value(0x600000).hex("ffd0 c3").into(kernel);
  }
  /// ia32_sys_call: read, write and rename have a case, all others go to the call that is not there.
  void enter_by_switch(const std::string& rename = "rename") {
    kernel.define("ia32_sys_call", kSwitch, 'T');
    kernel.define("after_switch", kSwitch + 0x100, 'T');
    Code(kEntry).relative("e8", kSwitch).hex("c3").into(kernel);
    Code(kSwitch)
        .hex("83fa03")
        .relative("0f84", functions.at("read"))
        .hex("83fa04")
        .relative("0f84", functions.at("write"))
        .hex("83fa26")
        .relative("0f84", functions.at(rename))
        .relative("e9", functions.at("ni_syscall"))
        .into(kernel);
  }
  SyscallTable read() {
    auto table = read_syscalls(kernel, SyscallAbi::ia32);
    EXPECT_TRUE(table) << (table ? "" : table.error().message);
    return table ? *table : SyscallTable{};
  }

  const std::map<unsigned, std::string> kCalls = {
      {3, "read"}, {4, "write"}, {20, "getpid"}, {24, "getuid16"}, {38, "rename"}};
  FakeKernel kernel;
  std::map<std::string, Gva> functions;
};

class SyscallsOf32Bits : public ::testing::Test, protected World {};

TEST_F(SyscallsOf32Bits, EntryCodeTellsWhereTheTableIsAndHowLong) {
  enter_by_table();
  put(kCount, "read");  // behind it
  const auto table = read();
  EXPECT_EQ(table.dispatch.table, kTable);
  EXPECT_EQ(table.dispatch.by_table, true);
  EXPECT_EQ(table.dispatch.count, kCount);
  EXPECT_TRUE(table.problems.empty());
  ASSERT_EQ(table.entries.size(), kCount);
  for (const auto& [nr, name] : kCalls) {
    EXPECT_EQ(table.entries[nr].name, name);
    EXPECT_EQ(table.entries[nr].name_from, "number");
    EXPECT_EQ(table.entries[nr].expected, functions.at(name));
    EXPECT_EQ(table.entries[nr].real_handler, functions.at(name));
  }
  EXPECT_EQ(table.entries[17].name, "");
  EXPECT_EQ(table.entries[17].expected, std::nullopt);
  EXPECT_EQ(table.entries[17].expected_unknown, "");
}

TEST_F(SyscallsOf32Bits, TheJumpAfterTheComparisonSaysWhetherTheLimitIsANumberItself) {
  for (const auto& [limit, count] : std::map<std::string_view, std::optional<unsigned>>{
           {"3d28000000 7302", 40},       // cmp $40, %eax; jae
           {"3d27000000 7702", 40},       // cmp $39, %eax; ja
           {"3d27000000 85c0 7702", {}},  // test %eax, %eax: other flags
           {"3d000000f0 7702", {}},       // no number of system calls
           {"39d0 7702", {}}}) {          // cmp %edx, %eax
    World world;
    world.enter_by_table(limit);
    EXPECT_EQ(world.read().dispatch.count, count) << limit;
  }
}

TEST_F(SyscallsOf32Bits, TheHighestEntryIsSeenWhateverStandsThere) {
  enter_by_table();
  put(kCount - 1, kModule);
  const auto table = read();
  ASSERT_EQ(table.entries.size(), kCount);
  EXPECT_EQ(table.entries.back().handler, kModule);
}

TEST_F(SyscallsOf32Bits, WithoutALimitItIsSaidThatTheEndIsNotKnown) {
  enter_by_table("");
  for (const unsigned nr : {38u, 39u}) put(nr, kModule);
  const auto table = read();
  ASSERT_EQ(table.entries.size(), 39u) << "the kernel has a function for number 38";
  EXPECT_EQ(table.entries[38].handler, kModule);
  EXPECT_EQ(table.entries[38].expected, functions.at("rename"));
  ASSERT_EQ(table.problems.size(), 1u);
  EXPECT_NE(table.problems[0].message.find("where the ia32 table ends"), std::string::npos);
}

TEST_F(SyscallsOf32Bits, EntriesOfAModuleDoNotEndATableOfUnknownLength) {
  enter_by_table("");
  for (const unsigned nr : {3u, 20u, 21u}) put(nr, kModule);
  const auto table = read();
  ASSERT_GE(table.entries.size(), 39u);
  for (const unsigned nr : {3u, 20u, 21u}) EXPECT_EQ(table.entries[nr].real_handler, kModule);
}

TEST_F(SyscallsOf32Bits, AnotherCallsFunctionIsNotTheOneThatTheNumberHas) {
  enter_by_table();
  put(20, "getuid16");
  const auto call = read().entries.at(20);
  EXPECT_EQ(call.name, "getpid");
  EXPECT_EQ(call.handler, functions.at("getuid16"));
  EXPECT_EQ(call.expected, functions.at("getpid"));
}

TEST_F(SyscallsOf32Bits, ACallThatWasTakenAwayIsStillExpected) {
  enter_by_table();
  put(38, "ni_syscall");
  EXPECT_EQ(read().entries.at(38).expected, functions.at("rename"));
}

TEST_F(SyscallsOf32Bits, ANumberWithoutACallHasNoOthersFunction) {
  enter_by_table();
  put(17, "getuid16");
  put(10, "read");  // unlink, which this kernel does not have
  const auto table = read();
  for (const unsigned nr : {17u, 10u}) EXPECT_EQ(table.entries[nr].expected, functions.at("ni_syscall"));
}

TEST_F(SyscallsOf32Bits, OfACallThatLinuxDoesNotHaveItIsNotKnownWhatItShouldBe) {
  enter_by_table();
  put(17, "rsbac");
  const auto call = read().entries.at(17);
  EXPECT_EQ(call.name, "rsbac");
  EXPECT_EQ(call.name_from, "table");
  EXPECT_EQ(call.expected, std::nullopt);
  EXPECT_NE(call.expected_unknown, "");
}

TEST_F(SyscallsOf32Bits, OfANumberNewerThanTheKnownOnesItIsNotKnownEither) {
  enter_by_table("3d57020000 7702");  // 600 of them
  for (unsigned nr = kCount; nr < 600; ++nr) put(nr, "ni_syscall");
  put(599, "getuid16");
  const auto table = read();
  ASSERT_EQ(table.entries.size(), 600u);
  EXPECT_EQ(table.entries[599].expected, std::nullopt);
  EXPECT_NE(table.entries[599].expected_unknown.find("newer"), std::string::npos);
  EXPECT_EQ(table.entries[598].expected_unknown, "");
}

TEST_F(SyscallsOf32Bits, ASwitchIsHeldAgainstTheNumbersToo) {
  enter_by_switch("write");
  const auto table = read();
  EXPECT_EQ(table.dispatch.by_table, false);
  ASSERT_EQ(table.entries.size(), 39u);
  EXPECT_EQ(table.entries[38].real_handler, functions.at("write"));
  EXPECT_EQ(table.entries[38].expected, functions.at("rename"));
  EXPECT_EQ(table.entries[3].expected, functions.at("read"));
  EXPECT_EQ(table.entries[17].expected_unknown, "");
}

TEST_F(SyscallsOf32Bits, TheLastCaseOfASwitchIsMissedWhereItIsTakenAway) {
  enter_by_switch("ni_syscall");
  const auto table = read();
  ASSERT_EQ(table.entries.size(), 39u);
  EXPECT_EQ(table.entries[38].real_handler, functions.at("ni_syscall"));
  EXPECT_EQ(table.entries[38].expected, functions.at("rename"));
}

TEST_F(SyscallsOf32Bits, WithoutTableAndSwitchItSaysSo) {
  const auto none = read_syscalls(kernel, SyscallAbi::ia32);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::unavailable);
}

TEST(SyscallNumbers, GiveTheSymbolsThatAFunctionMayHave) {
  using Symbols = std::vector<std::string>;
  EXPECT_EQ(ia32_syscall_symbols(20, 32), (Symbols{"__ia32_sys_getpid", "sys_getpid"}));
  EXPECT_EQ(ia32_syscall_symbols(20, 64), (Symbols{"__ia32_sys_getpid", "sys_getpid"}));
  EXPECT_EQ(ia32_syscall_symbols(5, 32), (Symbols{"__ia32_sys_open", "sys_open"}));
  EXPECT_EQ(ia32_syscall_symbols(5, 64), (Symbols{"__ia32_compat_sys_open", "compat_sys_open"}));
  EXPECT_EQ(ia32_syscall_symbols(317, 64), (Symbols{"__ia32_compat_sys_move_pages", "compat_sys_move_pages",
                                                    "__ia32_sys_move_pages", "sys_move_pages"}));
  EXPECT_EQ(ia32_syscall_symbols(166, 64), Symbols{}) << "there is no vm86 in long mode";
  EXPECT_EQ(ia32_syscall_symbols(17, 32), Symbols{});
  EXPECT_EQ(ia32_syscall_symbols(100000, 32), Symbols{});
  EXPECT_TRUE(is_ia32_syscall("getuid16"));
  EXPECT_FALSE(is_ia32_syscall("ni"));
  EXPECT_FALSE(is_ia32_syscall("rsbac"));
}

}  // namespace
}  // namespace ringside::guest::linux
