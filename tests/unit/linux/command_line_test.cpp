// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/command_line.h"

#include "guest/linux/code_references.h"
#include "tests/unit/support/fake_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ringside::guest::linux {
namespace {

using testing::FakeKernel;

TEST(CommandLine, IsWhatSavedCommandLinePointsTo) {
  FakeKernel kernel;
  const Gva text = kernel.allocate(64);
  kernel.put_string(text, "root=/dev/vda1 quiet");
  kernel.put_pointer(kernel.define_variable("saved_command_line", 8), text.value);
  EXPECT_EQ(command_line(kernel), "root=/dev/vda1 quiet");
}

TEST(CommandLine, IsNotFoundWhereTheKernelDoesNotTell) {
  FakeKernel kernel;
  EXPECT_EQ(command_line(kernel).error().code, Errc::not_found);
}

/// A function of a 32-bit kernel, in 64 bytes of code.
Gva add_function(FakeKernel& kernel, const std::string& name, const std::vector<Gva>& references) {
  const Gva code = kernel.allocate(64);
  for (std::size_t i = 0; i < 64; ++i) kernel.put(code + i, std::uint8_t{0xcc});
  for (std::size_t i = 0; i < references.size(); ++i)
    kernel.put(code + (1 + 5 * i), static_cast<std::uint32_t>(references[i].value));
  kernel.define(name, code, 't');
  kernel.define(name + "_end", code + 64, 't');
  return code;
}

TEST(CodeReferences, ComeByHowManyFunctionsHoldThem) {
  FakeKernel kernel(32);
  const Gva seldom = kernel.allocate(4), often = kernel.allocate(4);
  const Gva text = add_function(kernel, "first", {seldom, often});
  add_function(kernel, "second", {often});
  kernel.mutable_identity().text = {Gva{0x1000}, Gva{0x2000}};
  kernel.mutable_identity().image = {Gva{0x1000}, text};
  // What begins in the middle of an instruction can look like an address too.
  const auto references = code_references(kernel, {"first", "second", "no such function"});
  ASSERT_FALSE(references.empty());
  EXPECT_EQ(references.front(), often);
  EXPECT_NE(std::find(references.begin(), references.end(), seldom), references.end());
  EXPECT_EQ(code_of(kernel, "first").size(), 64u);
  EXPECT_TRUE(code_of(kernel, "no such function").empty());
}

}  // namespace
}  // namespace ringside::guest::linux
