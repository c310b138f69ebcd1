// SPDX-License-Identifier: Apache-2.0
// Every attack of tests/e2e/attacks on stopped guests: is it reported by the check that names it, and is all
// clean again once it is undone?
// Of a 32-bit kernel a check may say that it cannot tell: such a kernel has no types and does not name its
// data, unless they are imported.
//   RINGSIDE_LAB_TYPES=1                              imports those of 32-bit kernels first
//   (scripts/lab/fetch-types) RINGSIDE_ATTACK_KERNELS="5.10-cloud 6.12-cloud"   other kernels than the
//   default ones; "all": all of
//                                                     scripts/lab/fetch-kernel --list
//   RINGSIDE_ATTACKS='*system call*'                  only attacks of that name
#include "tests/e2e/support/attached.h"
#include "tests/e2e/support/attack_range.h"
#include "tests/e2e/support/chosen_kernels.h"
#include "tests/e2e/support/kernel_test_name.h"
#include "tests/e2e/support/lab_types.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace ringside::lab {
namespace {

std::vector<Attack> attacks() {
  auto all = all_attacks();
  if (const char* pattern = std::getenv("RINGSIDE_ATTACKS"))
    std::erase_if(all, [&](const Attack& attack) { return ::fnmatch(pattern, attack.name.c_str(), 0) != 0; });
  return all;
}

class LinuxAttacks : public testing::TestWithParam<std::string> {};

TEST_P(LinuxAttacks, AreReportedByTheCheckThatNamesThem) {
  Options options;
  options.kernel = GetParam();
  options.ram = Ram::memfd;
  options.smp = 2;
  options.modules = true;
  options.ready_deadline = std::chrono::minutes(6);
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  const std::string settled = guest.run("settle 60 30 && echo settled", std::chrono::minutes(6));
  ASSERT_NE(settled.find("settled"), std::string::npos) << settled;
  if (wants_types(options.kernel)) {
    const auto imported = import_types(options.kernel, guest.folder().file("state"));
    RINGSIDE_REQUIRE_GUEST(imported);
  }
  auto attached = attach(guest);
  ASSERT_TRUE(attached.has_value()) << attached.error().message;
  // While the guest runs: MSRs may have to be calibrated.
  ASSERT_TRUE((*attached)->live->snapshot().has_value());
  ASSERT_TRUE(guest.qmp().execute("stop").has_value());
  auto range = AttackRange::open(*(*attached)->live);
  ASSERT_TRUE(range.has_value()) << range.error().message;
  for (const auto& [check, messages] : (*range)->before())
    ADD_FAILURE() << "before any attack: " << check << ": " << messages.front();

  unsigned found = 0, unknown = 0, missed = 0, not_applicable = 0;
  for (const Attack& attack : attacks()) {
    const auto outcome = (*range)->run(attack);
    if (!outcome.applies) {
      ++not_applicable;
      std::cout << fmt::format("  n/a     {} ({})\n", attack.name, attack.technique);
      continue;
    }
    if (!outcome.unknown.empty() && outcome.wrong.empty()) {
      ++unknown;
      std::cout << fmt::format("  unknown {} ({}): {}: {}\n", attack.name, attack.technique, attack.check,
                               outcome.unknown);
      continue;
    }
    for (const auto& wrong : outcome.wrong)
      ADD_FAILURE() << attack.name << " (" << attack.technique << "): " << wrong;
    ++(outcome.seen.empty() ? missed : found);
    // What one object is changed for shows from several sides: a writable page of code is executable too.
    for (const auto& other : outcome.beside) std::cout << "          beside: " << other << '\n';
    std::cout << fmt::format("  {}  {} ({}): {}\n          {:.0f} ms, {} policies evaluated: {}\n",
                             outcome.wrong.empty() ? "found " : "FAILED", attack.name, attack.technique,
                             attack.check, outcome.scan_ms, outcome.evaluated,
                             outcome.seen.empty() ? "-" : outcome.seen.front());
  }
  std::cout << fmt::format("{}: {} attacks found, {} unknown, {} missed, {} not applicable\n", GetParam(),
                           found, unknown, missed, not_applicable);
  // Nothing is left behind.
  ASSERT_TRUE(guest.qmp().execute("cont").has_value());
  EXPECT_EQ(guest.run("echo alive"), "alive\n");
}

INSTANTIATE_TEST_SUITE_P(Kernels, LinuxAttacks,
                         // One of 32 bits: what it can tell it does, and the rest is unknown.
                         testing::ValuesIn(chosen_kernels("RINGSIDE_ATTACK_KERNELS", "6.1-cloud sid-cloud")),
                         kernel_test_name<std::string>);

}  // namespace
}  // namespace ringside::lab
