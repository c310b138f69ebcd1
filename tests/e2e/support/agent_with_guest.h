// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/e2e/support/agent.h"
#include "tests/e2e/support/process_use.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>

namespace ringside::lab {

/// One real guest for all tests of a program; each test has an agent of its own, which finds it as `real`.
class AgentWithGuest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto booted = Guest::boot(small("6.1-cloud"));
    if (booted)
      guest_ = std::move(*booted);
    else
      missing_ = booted.error();
  }
  static void TearDownTestSuite() { guest_.reset(); }

  void SetUp() override {
    if (guest_) return;
    if (missing_.code == Errc::unavailable) GTEST_SKIP() << missing_.message;
    FAIL() << missing_.message;
  }

  /// Starts an agent that watches the real guest and whatever else comes into its folder vm/.
  void watch_real_guest(const std::string& more = {}) {
    show(*guest_, folder_, "real");
    configure(more);
    ASSERT_NO_FATAL_FAILURE(agent_.start());
    ASSERT_NO_FATAL_FAILURE(real_guest_is_watched());
    since_ = agent_.guest("real")["since"];
  }
  void configure(const std::string& more) {
    agent_.configure(fmt::format("guests: {{sockets: ['{}/vm/*.qmp']}}\n{}", folder_.path(), more));
  }
  void real_guest_is_watched() {
    ASSERT_TRUE(Agent::comes_true([&] {
      const Json real = agent_.guest("real");
      return !real.is_null() && real["state"] == "watched" && real["checks"]["ok"].get<int>() > enough_;
    })) << agent_.log();
  }

  bool tampering_is_open() { return !agent_.findings({"--guest", "real", "--severity", "high"}).empty(); }
  /// The real guest is tampered with: found within the pace of a quiet agent, and resolved once it is put
  /// back; and all the while nobody let go of the guest.
  void real_guest_is_unharmed() {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
    ASSERT_TRUE(Agent::comes_true([&] { return tampering_is_open(); })) << agent_.log();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::cout << fmt::format("a changed gate was reported after {:.1f} s\n", took.count());
    // Its check is due every second; the slack is for a machine that does other things too.
    EXPECT_LT(took.count(), 10);
    ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
    ASSERT_TRUE(Agent::comes_true([&] { return !tampering_is_open(); })) << agent_.findings().dump(2);
    EXPECT_EQ(agent_.guest("real")["since"], since_) << agent_.log();
    EXPECT_TRUE(agent_.runs());
  }
  void nothing_was_changed_since() {
    const Finished verified = agent_.ask({"evidence", "verify"});
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  }

  /// Share of a core that the agent uses over some seconds.
  double load(std::chrono::seconds length) {
    const double before = use_of(agent_.pid()).cpu_seconds;
    std::this_thread::sleep_for(length);
    return (use_of(agent_.pid()).cpu_seconds - before) / std::chrono::duration<double>(length).count();
  }

  static inline std::unique_ptr<Guest> guest_;
  static inline Error missing_;
  TemporaryFolder folder_;
  Agent agent_{folder_};
  int enough_ = 100;  ///< checks of the real guest that must be well at the start
  std::string since_;
};

}  // namespace ringside::lab
