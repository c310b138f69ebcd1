// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/guest.h"
#include "tests/lab/oracle.h"

#include <gtest/gtest.h>

namespace ringside::lab {
namespace {

TEST(LabGuest, RunsShellCommandsAndAnswersOnItsOwnMonitor) {
  auto guest = Guest::boot({.smp = 2, .ram = Ram::memfd});
  RINGSIDE_REQUIRE_GUEST(guest);
  EXPECT_EQ((*guest)->run("echo $((6 * 7))"), "42\n");
  EXPECT_EQ((*guest)->run("nproc"), "2\n");
  EXPECT_EQ((*guest)->qmp().status(), "running");
  ASSERT_TRUE((*guest)->qmp().execute("stop").has_value());
  EXPECT_EQ((*guest)->qmp().status(), "paused");
  EXPECT_EQ((*guest)->qmp().count("STOP"), 1u);
}

TEST(LabGuest, TellsAMissingKernelFromAFailure) {
  auto guest = Guest::boot({.kernel = "no-such-kernel"});
  ASSERT_FALSE(guest.has_value());
  EXPECT_EQ(guest.error().code, Errc::io);
}

TEST(LabGuest, SaysThatAQemuIsMissing) {
  auto guest = Guest::boot({.qemu = "qemu-system-of-no-kind"});
  ASSERT_FALSE(guest.has_value());
  EXPECT_EQ(guest.error().code, Errc::unavailable);
}

TEST(LabGuest, LoadsModulesStartsProcessesAndTellsAllOfIt) {
  auto booted = Guest::boot({.kernel = "6.1-cloud", .modules = true});
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  EXPECT_NE(guest.run("settle 40 12 && echo settled").find("settled"), std::string::npos);
  std::string numbers;
  for (int i = 1; i <= 100000; ++i) numbers += std::to_string(i) + "\n";
  EXPECT_TRUE(guest.fetch("seq 100000") == numbers);
  const Oracle oracle(guest);
  EXPECT_GE(oracle.lines("modules").size(), 12u);
  EXPECT_GE(oracle.lines("kallsyms").size(), 80000u);
  EXPECT_EQ(oracle.text("proc/1/comm"), "init\n");
  EXPECT_GE(oracle.processes().size(), 40u);
}

class LabKernel : public testing::TestWithParam<const char*> {};

TEST_P(LabKernel, BootsToAShell) {
  auto guest = Guest::boot({.kernel = GetParam()});
  RINGSIDE_REQUIRE_GUEST(guest);
  EXPECT_EQ((*guest)->run("uname -s"), "Linux\n");
}
INSTANTIATE_TEST_SUITE_P(I386, LabKernel, testing::Values("686", "686-pae"));

}  // namespace
}  // namespace ringside::lab
