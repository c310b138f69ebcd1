// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/syscalls.h"

#include "tests/unit/support/fake_kernel.h"
#include "tests/unit/support/machine_code.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::Code;
using testing::FakeKernel;

constexpr Gva kText{0x400000}, kTextEnd{0x500000}, kTable{0x600000}, kSwitch{0x401000}, kModule{0x900000};

Gva function(unsigned n) {
  return kText + 0x10000 + n * 0x100;
}

/// A kernel with four system calls: read, write, one that is not there, newstat.
class SyscallsTest : public ::testing::Test {
 protected:
  SyscallsTest() {
    kernel.mutable_identity().text = {kText, kTextEnd};
    kernel.mutable_identity().image = {kText, {0x700000}};
    kernel.define("_stext", kText, 'T');
    kernel.define("do_syscall_64", kText + 0x100, 'T');
    kernel.define("after_entry", kText + 0x300, 'T');
    for (unsigned n = 0; n < 4; ++n) {
      const char* const names[] = {"read", "write", "ni_syscall", "newstat"};
      kernel.define(n == 2 ? "__do_sys_ni_syscall" : "other_name_" + std::to_string(n), function(n), 't');
      kernel.define(std::string("__x64_sys_") + names[n], function(n), 'T');
    }
    kernel.define("_etext", kTextEnd, 'T');
  }
  void put_table(std::string_view symbol = "sys_call_table") {
    if (!symbol.empty()) kernel.define(std::string(symbol), kTable);
    for (unsigned n = 0; n < 4; ++n)
      kernel.put_pointer(kTable + n * kernel.pointer_size(), function(n).value);
    kernel.define("after_table", kTable + 8 * kernel.pointer_size());  // the rest is alignment
  }
  void hook(unsigned nr, Gva handler) {
    kernel.put_pointer(kTable + nr * kernel.pointer_size(), handler.value);
  }
  /// do_syscall_64 as 5.10 has it.
  void enter_by_table() {
    Code(kText + 0x100)
        .hex("0f1f440000 483d04000000 770a 488b04c5")
        .value(0x600000)
        .hex("ffd0 c3")
        .into(kernel);
  }
  /// do_syscall_64 and x64_sys_call as 6.12 has them: newstat (3) is a case of its own as are 0 and 1.
  void enter_by_switch() {
    kernel.define("x64_sys_call", kSwitch, 'T');
    Code(kText + 0x100).hex("660f1f00 89fe").relative("e8", kSwitch).hex("c3").into(kernel);
    Code(kSwitch)
        .hex("f30f1efa 0f1f440000 83fe01")
        .relative("0f84", function(1))
        .hex("83fe03")
        .relative("0f84", function(3))
        .hex("85f6")
        .relative("0f84", function(0))
        .relative("e9", function(2))
        .into(kernel);
  }
  void put_metadata() {
    auto& types = kernel.btf_writer();
    const auto integer = types.integer("int", 4, true);
    const auto character = types.integer("char", 1, true);
    const auto text = types.pointer(character);
    types.struct_("syscall_metadata", 16, {{"name", text, 0}, {"syscall_nr", integer, 64}});
    const Gva list = kernel.allocate(8 * 8), variable = kernel.define_variable("syscalls_metadata", 8);
    kernel.put_pointer(variable, list.value);
    for (const unsigned nr : {0u, 1u, 3u}) {
      const Gva one = kernel.allocate(16), name = kernel.allocate(32);
      kernel.put_pointer(list + nr * 8, one.value);
      kernel.put_string(name, nr == 0 ? "sys_read" : nr == 1 ? "sys_write" : "sys_newstat");
      kernel.put_pointer(one, name.value);
      kernel.put(one + 8, nr);
    }
  }
  SyscallTable read(SyscallAbi abi = SyscallAbi::x64) {
    auto table = read_syscalls(kernel, abi);
    EXPECT_TRUE(table) << (table ? "" : table.error().message);
    return table ? *table : SyscallTable{};
  }

  FakeKernel kernel;
};

TEST_F(SyscallsTest, OfATableThatTheEntryCodeIndexesTheEntriesAreWhatIsEntered) {
  put_table();
  enter_by_table();
  put_metadata();
  const auto table = read();
  EXPECT_EQ(table.dispatch.by_table, true);
  EXPECT_EQ(table.dispatch.shown_by, "do_syscall_64 indexes sys_call_table");
  ASSERT_EQ(table.entries.size(), 4u) << "the zeros behind it are alignment";
  for (const auto& call : table.entries) {
    EXPECT_EQ(call.handler, function(call.nr));
    EXPECT_EQ(call.real_handler, call.handler);
    EXPECT_EQ(call.entry, kTable + call.nr * 8);
  }
  EXPECT_EQ(table.entries[0].name, "read");
  EXPECT_EQ(table.entries[0].name_from, "metadata");
  EXPECT_EQ(table.entries[0].expected, function(0));
  EXPECT_EQ(table.entries[2].name, "");
  EXPECT_EQ(table.entries[3].name, "newstat");
}

TEST_F(SyscallsTest, AChangedEntryKeepsTheNameThatTheKernelGaveIt) {
  put_table();
  enter_by_table();
  put_metadata();
  hook(1, kModule);
  const auto call = read().entries.at(1);
  EXPECT_EQ(call.name, "write");
  EXPECT_EQ(call.handler, kModule);
  EXPECT_EQ(call.real_handler, kModule);
  EXPECT_EQ(call.expected, function(1));
}

TEST_F(SyscallsTest, AChangedLastEntryDoesNotEndTheTable) {
  put_table();
  enter_by_table();
  hook(3, kModule);
  const auto table = read();
  ASSERT_EQ(table.entries.size(), 4u);
  EXPECT_EQ(table.entries[3].handler, kModule);
  EXPECT_EQ(table.entries[3].name, "") << "only the table told its name";
  EXPECT_EQ(table.entries[1].name_from, "table");
  EXPECT_EQ(table.entries[1].expected, std::nullopt);
}

TEST_F(SyscallsTest, OfASwitchTheTableIsNotWhatIsEntered) {
  put_table();
  enter_by_switch();
  hook(1, kModule);
  const auto table = read();
  EXPECT_EQ(table.dispatch.by_table, false);
  EXPECT_EQ(table.dispatch.shown_by, "do_syscall_64 calls x64_sys_call");
  ASSERT_EQ(table.entries.size(), 4u);
  for (const auto& call : table.entries) EXPECT_EQ(call.real_handler, function(call.nr)) << call.nr;
  EXPECT_EQ(table.entries[1].handler, kModule);
  EXPECT_EQ(table.entries[1].name, "write");
  EXPECT_EQ(table.entries[1].name_from, "switch");
  EXPECT_EQ(table.entries[1].expected, function(1));
  EXPECT_EQ(table.entries[2].name, "");
}

TEST_F(SyscallsTest, ASwitchWithoutATableIsReadUpToItsLastCase) {
  enter_by_switch();
  const auto table = read();
  ASSERT_EQ(table.entries.size(), 4u);
  EXPECT_EQ(table.entries[3].handler, std::nullopt);
  EXPECT_EQ(table.entries[3].entry, std::nullopt);
  EXPECT_EQ(table.entries[3].name, "newstat");
}

TEST_F(SyscallsTest, WhatCannotBeFollowedIsNamed) {
  put_table();
  kernel.define("x64_sys_call", kSwitch, 'T');
  Code(kText + 0x100).relative("e8", kSwitch).hex("c3").into(kernel);
  Code(kSwitch).hex("89f0 ff24c500006000").into(kernel);  // jmp *table(,%rax,8)
  const auto table = read();
  ASSERT_EQ(table.entries.size(), 4u);
  EXPECT_EQ(table.entries[0].real_handler, std::nullopt);
  EXPECT_NE(table.entries[0].real_unknown.find("jmp"), std::string::npos) << table.entries[0].real_unknown;
  EXPECT_EQ(table.entries[0].name_from, "table");
}

TEST_F(SyscallsTest, WithoutEntryCodeItIsNotKnownHowCallsAreDispatched) {
  put_table();
  const auto table = read();
  EXPECT_EQ(table.dispatch.by_table, std::nullopt);
  EXPECT_EQ(table.entries.at(0).real_handler, std::nullopt);
  EXPECT_NE(table.entries.at(0).real_unknown, "");
}

TEST_F(SyscallsTest, CallsThatAreCountedFirstEnterTheFunctionBehindTheCount) {
  enter_by_switch();
  put_table();
  Code(function(1) + (~std::uint64_t{9} + 1)).hex("6548c13d00000000 05").into(kernel);
  Code(kSwitch).relative("e9", function(1) + (~std::uint64_t{9} + 1)).into(kernel);
  EXPECT_EQ(read().entries.at(0).real_handler, function(1));
}

TEST_F(SyscallsTest, APageThatCannotBeReadCostsItsEntriesOnly) {
  put_table();
  enter_by_switch();
  kernel.memory().fail_page({kTable.value}, {Errc::not_ram, "gone"});
  const auto table = read();
  EXPECT_FALSE(table.problems.empty());
  ASSERT_EQ(table.entries.size(), 8u) << "where it ends is not known";
  EXPECT_EQ(table.entries[1].handler, std::nullopt);
  EXPECT_EQ(table.entries[1].real_handler, function(1)) << "the switch is known all the same";
}

TEST_F(SyscallsTest, MetadataOfAnotherNumberIsNotBelieved) {
  put_table();
  enter_by_table();
  put_metadata();
  const auto names = read_syscall_metadata(kernel, 8);
  ASSERT_TRUE(names);
  EXPECT_EQ(*names, (std::vector<std::string>{"read", "write", "", "newstat", "", "", "", ""}));
}

TEST_F(SyscallsTest, ANumberWithoutACallHasNoOthersFunction) {
  put_table();
  enter_by_table();
  put_metadata();
  hook(2, function(1));
  EXPECT_EQ(read().entries.at(2).expected, function(2)) << "sys_ni_syscall";
}

TEST_F(SyscallsTest, ACallThatWasNotBuiltInIsAsItShouldBe) {
  put_table();
  enter_by_table();
  put_metadata();
  kernel.define("__x64_sys_not_built", function(9), 'T');  // does as sys_ni_syscall does
  hook(2, function(9));
  EXPECT_EQ(read().entries.at(2).expected, std::nullopt);
}

/// x32 has calls of its own from 512 on, and those of 64-bit programs below, as far as they fit.
class SyscallsOfX32 : public SyscallsTest {
 protected:
  SyscallsOfX32() {
    put_metadata();
    kernel.define("do_syscall_x32", kText + 0x200, 'T');
    kernel.define("x32_sys_call_table", kTable);
    kernel.define("after_table", kTable + 514 * 8);
    kernel.define("__x64_compat_sys_rt_sigaction", function(10), 'T');
    kernel.define("__x64_compat_sys_x32_rt_sigreturn", function(11), 'T');
    for (unsigned nr = 0; nr < 514; ++nr)
      hook(nr, function(nr == 0 ? 0 : nr == 1 ? 1 : nr == 512 ? 10 : nr == 513 ? 11 : 2));
  }
};

TEST_F(SyscallsOfX32, AreThoseOf64BitProgramsAndSomeOfTheirOwn) {
  const auto calls = read(SyscallAbi::x32).entries;
  ASSERT_EQ(calls.size(), 514u);
  EXPECT_EQ(calls[1].name, "write");
  EXPECT_EQ(calls[1].expected, function(1));
  EXPECT_EQ(calls[3].expected, std::nullopt) << "newstat is not for x32, and need not be";
  EXPECT_EQ(calls[512].name, "rt_sigaction");
  EXPECT_EQ(calls[512].expected, function(10));
  EXPECT_EQ(calls[513].name, "x32_rt_sigreturn");
}

TEST_F(SyscallsOfX32, AnothersFunctionIsNotTheirs) {
  hook(1, function(0));
  hook(3, function(1));
  hook(100, function(1));
  hook(512, function(11));
  const auto calls = read(SyscallAbi::x32).entries;
  EXPECT_EQ(calls.at(1).expected, function(1));
  EXPECT_EQ(calls.at(3).expected, function(3));
  EXPECT_EQ(calls.at(100).expected, function(2)) << "no call has this number";
  EXPECT_EQ(calls.at(512).expected, function(10));
}

TEST_F(SyscallsTest, AnAbiThatTheKernelDoesNotKnowIsNotFound) {
  put_table();
  EXPECT_FALSE(has_syscalls(kernel, SyscallAbi::x32));
  const auto none = read_syscalls(kernel, SyscallAbi::x32);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
}

TEST(SyscallName, IsWhatFollowsThePrefixOfTheFunction) {
  EXPECT_EQ(syscall_name("__x64_sys_openat"), "openat");
  EXPECT_EQ(syscall_name("__ia32_compat_sys_openat"), "openat");
  EXPECT_EQ(syscall_name("__x64_compat_sys_ioctl"), "ioctl");
  EXPECT_EQ(syscall_name("sys_read"), "read");
  EXPECT_EQ(syscall_name("__x64_sys_ni_syscall"), "");
  EXPECT_EQ(syscall_name("sys_ni_syscall"), "");
  EXPECT_EQ(syscall_name("vfs_read"), "");
}

TEST(SyscallAbi, NamesGoBothWays) {
  for (const auto abi : {SyscallAbi::x64, SyscallAbi::ia32, SyscallAbi::x32})
    EXPECT_EQ(parse_syscall_abi(to_string(abi)), abi);
  EXPECT_EQ(parse_syscall_abi("arm"), std::nullopt);
}

}  // namespace
}  // namespace ringside::guest::linux
