// SPDX-License-Identifier: Apache-2.0
// The daemon on real guests: they come and go, are tampered with, are reset; the daemon is killed and started
// again; nothing is told twice, nothing is lost, and no guest is ever stopped.
#include "tests/e2e/support/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace ringside::lab {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

bool has_finding(const Agent& agent, const std::string& check, const std::string& state) {
  for (const Json& finding : agent.findings({"--state", state}))
    if (finding["check"] == check) return true;
  return false;
}

std::size_t lines_with(const std::string& text, const std::string& words) {
  std::size_t count = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) count += line.find(words) != std::string::npos;
  return count;
}

TEST(Agent, WatchesGuestsAllTheirLife) {
  TemporaryFolder folder;
  Agent agent(folder);
  agent.configure(
      fmt::format("guests:\n  sockets: ['{0}/vm/*.qmp']\n"
                  "outputs:\n  - {{name: lines, kind: json, to: '{0}/events.jsonl'}}\n",
                  folder.path()));
  ASSERT_NO_FATAL_FAILURE(agent.start());
  EXPECT_THAT(agent.guests(), SizeIs(0));

  // A guest appears while the agent runs.
  auto booted = Guest::boot(small("6.1-cloud"));
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  guest.qmp().clear_events();
  show(guest, folder);
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("one") == "watched"; })) << agent.log();
  ASSERT_TRUE(Agent::comes_true([&] {
    const Json checks = agent.guests()[0]["checks"];
    return checks["ok"].get<int>() > 100 && checks["unknown"] == 0;
  })) << agent.guests().dump(2);
  EXPECT_THAT(agent.findings(), SizeIs(0));
  EXPECT_FALSE(agent.guests()[0]["baseline"].is_null());

  // It is tampered with: one finding, told once, with evidence that holds.
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  ASSERT_TRUE(Agent::comes_true([&] { return has_finding(agent, "gates-unchanged", "open"); }))
      << agent.log();
  const Json finding = [&] {
    for (const Json& one : agent.findings())
      if (one["check"] == "gates-unchanged") return one;
    return Json();
  }();
  const std::string id = finding["id"];
  EXPECT_THAT(finding["message"].get<std::string>(), HasSubstr("IDT gate 31 of vCPU"));
  EXPECT_GE(finding["evidence"].size(), 1u);
  EXPECT_EQ(agent.ask({"evidence", "verify"}).status, 0);
  EXPECT_EQ(agent.ask({"findings", "ack", id, "--note", "seen"}).status, 0);

  // The agent is killed: what it found stands, and is not told again.
  agent.kill();
  ASSERT_NO_FATAL_FAILURE(agent.start());
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("one") == "watched"; })) << agent.log();
  ASSERT_TRUE(Agent::comes_true([&] { return has_finding(agent, "interrupt-handlers", "open"); }));
  const Json again = agent.json({"findings", "show", id});
  EXPECT_EQ(again["state"], "open") << again.dump();
  EXPECT_EQ(again["count"], 1) << again.dump();
  EXPECT_FALSE(again["acknowledged"].is_null());

  // It is put back.
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  ASSERT_TRUE(Agent::comes_true([&] {
    return !has_finding(agent, "gates-unchanged", "open") &&
           !has_finding(agent, "interrupt-handlers", "open");
  })) << agent.findings().dump(2);
  ASSERT_TRUE(Agent::comes_true([&] {
    return lines_with(agent.read(folder.file("events.jsonl")), id) == 3;  // opened, acknowledged, resolved
  })) << agent.read(folder.file("events.jsonl"));

  // Nothing of all that has stopped the guest, but for the calibration of its MSRs at the very first sight.
  EXPECT_LE(guest.qmp().count("STOP"), 1u);
  guest.qmp().clear_events();

  // It is reset: judged again once it is up, without a word before.
  ASSERT_TRUE(guest.qmp().execute("system_reset").has_value());
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("one") == "booting"; }));
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("one") == "watched"; })) << agent.log();
  ASSERT_TRUE(Agent::comes_true([&] { return agent.guests()[0]["checks"]["ok"].get<int>() > 100; }));
  EXPECT_THAT(agent.findings({"--state", "open"}), SizeIs(0)) << agent.findings().dump(2);

  // It stands still, and goes on.
  ASSERT_TRUE(guest.qmp().execute("stop").has_value());
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("one") == "stopped"; }));
  ASSERT_TRUE(guest.qmp().execute("cont").has_value());
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("one") == "watched"; }));

  // QEMU is killed: its socket stays, and is tried again.
  guest.kill();
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("one") == "retry"; })) << agent.log();
  std::filesystem::remove(folder.file("vm/one.qmp"));
  ASSERT_TRUE(Agent::comes_true([&] { return agent.guests().empty(); })) << agent.guests().dump(2);
  EXPECT_EQ(agent.ask({"evidence", "verify"}).status, 0);
  ASSERT_NO_FATAL_FAILURE(agent.stop());
}

TEST(Agent, TakesNewRulesAndKeepsTheOldOnesWhenTheyAreWrong) {
  TemporaryFolder folder;
  Agent agent(folder);
  auto booted = Guest::boot(small("5.10-cloud"));
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  const std::string guests = fmt::format("guests: {{sockets: ['{}']}}\n", show(guest, folder));
  agent.configure(guests + "policies: {builtIn: [idt]}\n");
  ASSERT_NO_FATAL_FAILURE(agent.start());
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("one") == "watched"; })) << agent.log();
  EXPECT_EQ(agent.json({"status"})["policies"]["count"], 1);

  agent.configure(guests + "policies: {builtIn: [idt, no-such-policy]}\n");
  agent.hang_up();
  ASSERT_TRUE(Agent::comes_true([&] { return !agent.json({"status"})["policies"]["error"].is_null(); }));
  EXPECT_EQ(agent.json({"status"})["policies"]["count"], 1);

  // An exception silences one gate; what it matches is recorded all the same.
  std::ofstream(folder.file("exceptions.yaml")) << R"(
apiVersion: ringside/v1
kind: Exceptions
spec:
  - id: EX-1
    policy: idt
    check: gates-unchanged
    match: {vector: 31}
    reason: the test changes it
    owner: lab
    expires: 2099-12-31
)";
  agent.configure(guests + fmt::format("policies: {{builtIn: [idt, gdt], exceptions: ['{}']}}\n",
                                       folder.file("exceptions.yaml")));
  ASSERT_TRUE(Agent::comes_true([&] { return agent.json({"status"})["policies"]["count"] == 2; }))
      << agent.log();
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("one") == "watched"; }));
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  ASSERT_TRUE(Agent::comes_true([&] { return agent.findings({"--suppressed"}).size() == 1; })) << agent.log();
  EXPECT_THAT(agent.findings(), SizeIs(0));
  EXPECT_THAT(agent.log(), Not(HasSubstr("gates-unchanged")));
  const Json finding = agent.findings({"--suppressed"})[0];
  EXPECT_EQ(finding["check"], "gates-unchanged");
  EXPECT_EQ(finding["suppressed_by"], "EX-1") << finding.dump();
  EXPECT_THAT(agent.ask({"policy", "explain", finding["id"]}).out, HasSubstr("EX-1"));
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  ASSERT_NO_FATAL_FAILURE(agent.stop());
}

TEST(Agent, TakesAChangeIntoTheBaselineAndNothingElse) {
  TemporaryFolder folder;
  Agent agent(folder);
  auto booted = Guest::boot(small("6.1-cloud"));
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  agent.configure(
      fmt::format("guests: {{sockets: ['{}']}}\npolicies: {{builtIn: [idt, linux-settings]}}\n"
                  "watching: {{settle: 1s}}\n",
                  show(guest, folder)));
  ASSERT_NO_FATAL_FAILURE(agent.start());
  // Settings are learned once the guest's start-up has had its time.
  ASSERT_TRUE(Agent::comes_true([&] {
    const Json baseline = agent.guest("one")["baseline"];
    if (!baseline.is_object()) return false;
    return baseline["start_up"].is_null() || !baseline["start_up"]["learned"].is_null();
  })) << agent.log();
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  guest.run("echo elsewhere > /proc/sys/kernel/core_pattern");
  ASSERT_TRUE(Agent::comes_true([&] {
    return has_finding(agent, "gates-unchanged", "open") &&
           has_finding(agent, "core-dumps-unchanged", "open");
  })) << agent.log();
  for (const Json& finding : agent.findings())
    if (finding["check"] == "gates-unchanged") {
      EXPECT_EQ(agent.ask({"baseline", "accept", "--finding", finding["id"]}).status, 0);
    }
  EXPECT_TRUE(Agent::comes_true([&] { return !has_finding(agent, "gates-unchanged", "open"); }))
      << agent.findings().dump(2);
  EXPECT_TRUE(has_finding(agent, "core-dumps-unchanged", "open"));
  // What was accepted is the baseline: the old handler would be a change.
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  EXPECT_TRUE(Agent::comes_true([&] { return has_finding(agent, "gates-unchanged", "open"); }));
  ASSERT_NO_FATAL_FAILURE(agent.stop());
}

TEST(Agent, GivesItsSocketToTheGroupThatIsToLook) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to start the agent as a member of another group";
  constexpr gid_t kDaemon = 1;  // base-passwd(8): the same on every Debian
  TemporaryFolder folder;
  Agent agent(folder);
  std::vector<std::string> member = {"setpriv", "--groups", "0," + std::to_string(kDaemon), "--"};
  for (const auto& word : Agent::as_service()) member.push_back(word);
  agent.start_under(member);
  agent.configure("control: {group: daemon}\n");
  ASSERT_NO_FATAL_FAILURE(agent.start());
  struct stat socket {};
  ASSERT_EQ(::stat(agent.control().c_str(), &socket), 0);
  EXPECT_EQ(socket.st_gid, kDaemon);
  EXPECT_EQ(socket.st_mode & 0777, 0660u);
  ASSERT_NO_FATAL_FAILURE(agent.stop());
}

TEST(Agent, RestoresWhereItMay) {
  TemporaryFolder folder;
  Agent agent(folder);
  auto booted = Guest::boot(small("6.1-cloud"));
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  std::ofstream(folder.file("policy.yaml")) << R"(
apiVersion: ringside/v1
kind: Policy
metadata: {name: gates, title: Gates, severity: critical, attack: [T1014]}
spec:
  mode: enforce
  checks:
    - id: kept
      title: A gate changed
      unchanged: {table: idt, key: [vcpu, vector], columns: [handler]}
      actions: [alert, restore, pause]
)";
  agent.configure(
      fmt::format("guests: {{sockets: ['{}']}}\npolicies: {{builtIn: [gdt], paths: ['{}']}}\n"
                  "actions:\n  allow:\n    - {{guests: ['*'], actions: [restore]}}\n",
                  show(guest, folder), folder.file("policy.yaml")));
  ASSERT_NO_FATAL_FAILURE(agent.start());
  ASSERT_TRUE(Agent::comes_true([&] { return agent.state_of("one") == "watched"; })) << agent.log();
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  ASSERT_TRUE(Agent::comes_true([&] { return has_finding(agent, "kept", "resolved"); })) << agent.log();
  EXPECT_THAT(agent.log(), HasSubstr("restore.done"));
  EXPECT_THAT(agent.log(), HasSubstr("pause.refused"));
  EXPECT_FALSE(has_finding(agent, "kept", "open"));
  EXPECT_EQ(guest.qmp().status(), "running");
  ASSERT_NO_FATAL_FAILURE(agent.stop());
}

}  // namespace
}  // namespace ringside::lab
