// SPDX-License-Identifier: Apache-2.0
// Attaching at random moments: during boot, at the shell, under load, and with the vCPUs in user mode on
// isolated page tables. Where there is a kernel it must be the right one, and before that there must be a
// clear error.
//   RINGSIDE_MOMENTS=full   200 moments instead of 40
//   RINGSIDE_SEED=N         the waits of an earlier run, which printed the seed
#include "tests/e2e/support/sight.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <thread>
#include <utility>

namespace ringside::lab {
namespace {

using std::chrono::milliseconds;

/// How many moments of the `full` ones of a full run.
unsigned moments(unsigned full) {
  const char* value = std::getenv("RINGSIDE_MOMENTS");
  return value != nullptr && value == std::string("full") ? full : full / 5;
}

std::mt19937_64& random_numbers() {
  static std::mt19937_64 generator = [] {
    const char* value = std::getenv("RINGSIDE_SEED");
    const std::uint64_t seed = value != nullptr ? std::strtoull(value, nullptr, 10) : std::random_device{}();
    std::cout << "RINGSIDE_SEED=" << seed << '\n';
    return std::mt19937_64(seed);
  }();
  return generator;
}

void wait_at_random(unsigned at_most_ms) {
  std::this_thread::sleep_for(milliseconds(random_numbers()() % at_most_ms));
}

class Moments : public testing::TestWithParam<const char*> {
 protected:
  /// `count` looks at a guest that is up; with `in_user_mode` only those count that find every vCPU there.
  static void expect_right_every_time(Guest& guest, unsigned count, bool in_user_mode = false) {
    const Truth truth(guest);
    unsigned looks = 0;
    for (unsigned counted = 0; counted < count && looks < 20 * count; ++looks) {
      wait_at_random(500);
      const Sight sight = look(guest);
      expect_right(truth, sight);
      counted += !in_user_mode || sight.all_in_user_mode;
    }
    EXPECT_LT(looks, 20 * std::max(count, 1u)) << "the vCPUs are never in user mode";
  }

  static Options options() {
    Options options;
    options.kernel = GetParam();
    options.ram = Ram::memfd;
    options.modules = true;
    options.ready_deadline = std::chrono::minutes(6);
    return options;
  }
};

TEST_P(Moments, DuringBootAndAtTheShell) {
  std::map<std::string, unsigned> errors;
  unsigned found = 0;
  unsigned at_the_shell = moments(10);
  for (unsigned left = moments(20); left > 0;) {
    Options booting = options();
    booting.wait_ready = false;
    auto booted = Guest::boot(booting);
    RINGSIDE_REQUIRE_GUEST(booted);
    std::vector<Sight> sights;
    for (unsigned in_this_boot = 0; in_this_boot < 4 && left > 0; ++in_this_boot, --left) {
      wait_at_random(4000);
      sights.push_back(look(**booted));
    }
    ASSERT_TRUE((*booted)->console().read_until("RINGSIDE LAB READY", booting.ready_deadline).has_value());
    const Truth truth(**booted);
    for (const Sight& sight : sights) {
      if (sight.error) {
        ++errors[sight.error->message];
        expect_clear(*sight.error);
      } else {
        ++found;
        expect_right(truth, sight);
      }
    }
    expect_right_every_time(**booted, std::exchange(at_the_shell, 0));
  }
  std::cout << fmt::format("{}: found {} times during boot\n", GetParam(), found);
  for (const auto& [message, count] : errors) std::cout << fmt::format("  {} x {}\n", count, message);
}

TEST_P(Moments, UnderLoad) {
  Options loaded = options();
  loaded.append = "ringside.load";
  loaded.smp = 2;
  auto booted = Guest::boot(loaded);
  RINGSIDE_REQUIRE_GUEST(booted);
  expect_right_every_time(**booted, moments(10));
}

TEST_P(Moments, InUserModeOnIsolatedPageTables) {
  Options isolated = options();
  isolated.append = "pti=on";
  auto booted = Guest::boot(isolated);
  RINGSIDE_REQUIRE_GUEST(booted);
  (*booted)->run("(lab spin 2>/dev/null &)");
  expect_right_every_time(**booted, moments(10), true);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Moments,
                         testing::Values("5.10-cloud", "6.1-cloud", "6.12-cloud", "sid-cloud"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::ranges::replace_if(
                               name, [](char c) { return c == '.' || c == '-'; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace ringside::lab
