// SPDX-License-Identifier: Apache-2.0
// Looking does not disturb: with the mapped and process backends no verb that only reads stops the guest.
#include "tests/e2e/support/program.h"

#include <gtest/gtest.h>

namespace ringside::lab {
namespace {

class Quiet : public testing::TestWithParam<Ram> {};

TEST_P(Quiet, ReadingVerbsNeverStopTheGuest) {
  Options options;
  options.ram = GetParam();
  options.smp = 2;
  options.append = "ringside.load";
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  // Calibrates the way to the MSRs, which may take one short stop.
  Finished run = ringside(guest, "baseline save");
  ASSERT_EQ(run.status, 0) << said(run);
  guest.qmp().clear_events();

  for (int round = 0; round < 3; ++round) {
    for (const char* verb : {"inspect", "registers", "msrs", "gdt", "idt", "scan"}) {
      run = ringside(guest, verb);
      EXPECT_EQ(run.status, 0) << verb << ": " << said(run);
    }
    run = ringside(guest, "query", {"SELECT count(*) FROM idt"});
    EXPECT_EQ(run.status, 0) << said(run);
    run = ringside(guest, "query", {"SELECT vcpu, lstar FROM msrs"});
    EXPECT_TRUE(run.status == 0 || run.status == 2) << said(run);
  }
  EXPECT_EQ(guest.qmp().count("STOP"), 0u);
  EXPECT_EQ(guest.qmp().count("RESUME"), 0u);
  EXPECT_EQ(guest.qmp().status(), "running");
}

INSTANTIATE_TEST_SUITE_P(Ram, Quiet, testing::Values(Ram::anonymous, Ram::memfd), [](const auto& test) {
  return test.param == Ram::anonymous ? "Process" : "Mapped";
});

}  // namespace
}  // namespace ringside::lab
