// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/process_details.h"

#include "guest/x86/paging_format.h"
#include "tests/unit/support/file_world.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace ringside::guest::linux {
namespace {

using namespace std::string_view_literals;
using testing::FileWorld;
using Mm = FileWorld::Mm;

constexpr std::uint64_t kStack = 0x400000;  // in the first 2 MiB that the tables map

/// A process whose user memory at kStack holds `strings`: arguments up to `arguments`, then its environment.
struct Process : FileWorld {
  Process(std::string_view strings, std::size_t arguments) : mm(FileWorld::mm({})) {
    kernel.mutable_identity().root.mode = x86::PagingMode::four_level;
    const std::uint64_t rights = x86::pte::kPresent | x86::pte::kUser;
    // Three tables on pages of their own; the last maps 2 MiB.
    const Gva top{0x3000000}, second{0x3001000}, third{0x3002000};
    kernel.put(top, second.value | rights);
    kernel.put(second, third.value | rights);
    kernel.put(third + 2 * 8, std::uint64_t{0x2000000} | rights | x86::pte::kLarge);
    kernel.memory().write(Gpa{0x2000000}, as_bytes(strings));
    kernel.put_pointer(mm + Mm::pgd, top.value);
    kernel.put(mm + Mm::arg_start, kStack);
    kernel.put(mm + Mm::arg_end, kStack + arguments);
    kernel.put(mm + Mm::env_start, kStack + arguments);
    kernel.put(mm + Mm::env_end, kStack + strings.size());
  }
  Gva mm;
};

TEST(ProcessDetails, GiveArgumentsAndEnvironmentAsTheProcessHoldsThem) {
  Process process("ls\0-l\0A=1\0B=2\0"sv, 6);
  EXPECT_EQ(command_line(process.kernel, process.mm), "ls\0-l\0"sv);
  EXPECT_EQ(environment(process.kernel, process.mm), "A=1\0B=2\0"sv);
}

TEST(ProcessDetails, ATitleThatOverwroteTheArgumentsGoesOnIntoTheEnvironment) {
  Process process("sshd: long title\0B=2\0"sv, 6);
  EXPECT_EQ(command_line(process.kernel, process.mm), "sshd: long title\0"sv);
}

TEST(ProcessDetails, AreBoundedHoweverLongTheyClaimToBe) {
  Process process("x\0"sv, 2);
  process.kernel.put(process.mm + Mm::arg_end, kStack + (1u << 20));
  const auto line = command_line(process.kernel, process.mm);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->size(), kMaxArgumentBytes);
}

TEST(ProcessDetails, ThatAreNotInMemorySayWhy) {
  Process process("x\0"sv, 2);
  process.kernel.put(process.mm + Mm::arg_start, std::uint64_t{0x900000});
  process.kernel.put(process.mm + Mm::arg_end, std::uint64_t{0x900010});
  EXPECT_EQ(command_line(process.kernel, process.mm).error().code, Errc::not_mapped);
}

TEST(ProcessDetails, OfAKernelThreadAreEmpty) {
  FileWorld world;
  EXPECT_EQ(command_line(world.kernel, Gva{0}), "");
  EXPECT_EQ(environment(world.kernel, Gva{0}), "");
  EXPECT_EQ(executable_path(world.kernel, Gva{0}).error().code, Errc::not_found);
  EXPECT_EQ(working_directory(world.kernel, Gva{0}).error().code, Errc::not_found);
}

TEST(ProcessDetails, GiveThePathsThatProcShows) {
  FileWorld world;
  const Gva mm = world.mm({});
  world.kernel.put_pointer(mm + Mm::exe_file, world.plain_file("program").value);
  world.put_path(world.fs + 24, {world.root_mount, world.dentry(world.root, "tmp")});
  EXPECT_EQ(executable_path(world.kernel, mm), "/program");
  EXPECT_EQ(root_directory(world.kernel, world.fs), "/");
  EXPECT_EQ(working_directory(world.kernel, world.fs), "/tmp");
}

TEST(ProcessDetails, StringsAreSplitAndJoined) {
  EXPECT_EQ(split_strings("a\0\0b"sv), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split_strings(""), std::vector<std::string>{});
  EXPECT_EQ(join_strings("ls\0-l\0"sv), "ls -l");
}

}  // namespace
}  // namespace ringside::guest::linux
