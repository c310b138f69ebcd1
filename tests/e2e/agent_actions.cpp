// SPDX-License-Identifier: Apache-2.0
// What the daemon does of its own accord where it may, and what it says of what it cannot see.
#include "tests/e2e/support/agent_with_guest.h"
#include "tests/lab/fake_qmp.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <optional>

namespace ringside::lab {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class AgentActions : public AgentWithGuest {
 protected:
  AgentActions() { enough_ = 1; }

  /// A policy of one check that flip_gate() violates, with these actions.
  std::string acting(const std::string& actions, const std::string& allowed, const std::string& more = {}) {
    std::ofstream(folder_.file("policy.yaml")) << fmt::format(R"(
apiVersion: ringside/v1
kind: Policy
metadata: {{name: gates, title: Gates, severity: critical, attack: [T1014]}}
spec:
  mode: enforce
  interval: 1s
  checks:
    - id: kept
      title: A gate changed
      unchanged: {{table: idt, key: [vcpu, vector], columns: [handler]}}
      actions: [{}]
)",
                                                              actions);
    return fmt::format(
        "policies: {{builtIn: [gdt], paths: ['{}']}}\n"
        "actions:\n  allow:\n    - {{guests: ['*'], actions: [{}]}}\n{}",
        folder_.file("policy.yaml"), allowed, more);
  }
  /// Kinds of journal entries about actions, oldest first: "dump: done".
  std::size_t logged(const std::string& words) const {
    const std::string log = agent_.log();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = log.find(words, at)) != std::string::npos; ++at) ++count;
    return count;
  }
  std::optional<Json> finding_of(const std::string& kind) const {
    for (const Json& one : agent_.findings())
      if (one["kind"] == kind) return one;
    return std::nullopt;
  }
};

TEST_F(AgentActions, PausesAGuestUntilSomebodyResumesIt) {
  ASSERT_NO_FATAL_FAILURE(watch_real_guest(acting("alert, pause", "pause")));
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.state_of("real") == "stopped"; })) << agent_.log();
  EXPECT_EQ(guest_->qmp().status(), "paused");
  ASSERT_THAT(agent_.findings({"--severity", "high"}), SizeIs(1));
  const std::string id = agent_.findings({"--severity", "high"})[0]["id"];
  EXPECT_THAT(agent_.guest("real")["why"].get<std::string>(), HasSubstr("paused it for finding " + id));
  EXPECT_EQ(logged("pause.done for " + id), 1u) << agent_.log();
  EXPECT_THAT(agent_.json({"findings", "show", id})["state"], "open");

  // It is not stopped again for the same finding, nor let run by a new agent.
  agent_.kill();
  ASSERT_NO_FATAL_FAILURE(agent_.start());
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.state_of("real") == "stopped"; })) << agent_.log();
  EXPECT_EQ(guest_->qmp().status(), "paused");
  ASSERT_TRUE(guest_->qmp().execute("cont").has_value());
  ASSERT_NO_FATAL_FAILURE(real_guest_is_watched());
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return !tampering_is_open(); })) << agent_.findings().dump(2);
  EXPECT_EQ(guest_->qmp().status(), "running");
  EXPECT_EQ(logged("pause.done"), 1u) << agent_.log();
  nothing_was_changed_since();
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

TEST_F(AgentActions, DumpsAGuestUntilTheBreakerOpens) {
  ASSERT_NO_FATAL_FAILURE(watch_real_guest(acting("dump, pause, restore", "dump, pause, restore",
                                                  "  breaker: {perGuest: 1, perHost: 10, within: 1h}\n")));
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return logged("restore.refused") == 1; })) << agent_.log();
  EXPECT_EQ(logged("dump.done"), 1u) << agent_.log();
  EXPECT_EQ(logged("pause.refused"), 1u) << agent_.log();
  EXPECT_EQ(logged("the circuit breaker is open: 1 action on this guest within 3600 s"), 2u) << agent_.log();
  EXPECT_EQ(guest_->qmp().status(), "running");

  std::vector<std::filesystem::path> dumps;
  for (const auto& file : std::filesystem::directory_iterator(folder_.file("state/dumps")))
    dumps.push_back(file);
  ASSERT_THAT(dumps, SizeIs(1));
  EXPECT_EQ(dumps[0].extension(), ".elf");
  EXPECT_GE(std::filesystem::file_size(dumps[0]), 256u << 20);
  Elf64_Ehdr header{};
  std::ifstream(dumps[0], std::ios::binary).read(reinterpret_cast<char*>(&header), sizeof header);
  EXPECT_EQ(std::memcmp(header.e_ident, ELFMAG, SELFMAG), 0);
  EXPECT_EQ(header.e_type, ET_CORE);
  EXPECT_GT(header.e_phnum, 1);

  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return !tampering_is_open(); })) << agent_.findings().dump(2);
  nothing_was_changed_since();
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

TEST_F(AgentActions, RefusesADumpThatWouldNotFit) {
  ASSERT_NO_FATAL_FAILURE(watch_real_guest(acting("dump", "dump", "keep: {dumps: 200MiB}\n")));
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return logged("dump.refused") == 1; })) << agent_.log();
  EXPECT_THAT(agent_.log(), HasSubstr("keep.dumps"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.file("state/dumps")));
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return !tampering_is_open(); })) << agent_.findings().dump(2);
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

TEST_F(AgentActions, SaysWhatItCannotSee) {
  const std::string seldom =
      "watching: {unwatchedAfter: 2s, blindAfter: 2s, longestRetry: 1s, connectTimeout: 1s";
  // (What is held against a baseline would still be blind after that, with a baseline without MSRs.)
  std::ofstream(folder_.file("policy.yaml")) << R"(
apiVersion: ringside/v1
kind: Policy
metadata: {name: lstar, title: LSTAR, severity: high, attack: [T1014]}
spec:
  interval: 1s
  checks:
    - id: set
      title: LSTAR is not set
      query: SELECT vcpu, value FROM msrs WHERE name = 'LSTAR' AND value = 0
)";
  const std::string policies =
      fmt::format("policies: {{builtIn: [gdt], paths: ['{}']}}\n", folder_.file("policy.yaml"));
  std::filesystem::create_directories(folder_.file("vm"));
  auto silent = std::make_unique<FakeQmp>(folder_.file("vm/silent.qmp"), [](auto& peer) { peer.stay(); });
  ASSERT_NO_FATAL_FAILURE(watch_real_guest(policies + seldom + ", msrs: none}\n"));

  ASSERT_TRUE(Agent::comes_true([&] { return finding_of("unwatched") && finding_of("blind"); }))
      << agent_.log();
  const Json unwatched = *finding_of("unwatched"), blind = *finding_of("blind");
  EXPECT_EQ(unwatched["guest_name"], "silent") << unwatched.dump();
  EXPECT_THAT(unwatched["message"].get<std::string>(), HasSubstr("no greeting"));
  EXPECT_EQ(blind["guest_name"], "real") << blind.dump();
  EXPECT_EQ(blind["policy"], "lstar") << blind.dump();

  // Once it can be seen again, that is over; each was told once.
  silent.reset();
  configure(policies + seldom + "}\n");
  agent_.hang_up();
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.findings().empty(); })) << agent_.findings().dump(2);
  EXPECT_EQ(logged("blind/"), 0u);
  for (const Json& over : {unwatched, blind}) {
    const Json shown = agent_.json({"findings", "show", over["id"]});
    EXPECT_EQ(shown["state"], "resolved") << shown.dump();
    EXPECT_EQ(shown["count"], 1) << shown.dump();
  }
  nothing_was_changed_since();
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

}  // namespace
}  // namespace ringside::lab
