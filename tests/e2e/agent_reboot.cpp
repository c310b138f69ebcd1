// SPDX-License-Identifier: Apache-2.0
// A guest that reboots into a changed state: what outlives a boot is compared with the boot before, also when
// the agent was away meanwhile and its first sight of the boot is of what was changed.
#include "tests/e2e/support/agent.h"

#include <gmock/gmock.h>

namespace ringside::lab {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kOverReboot = "(changed over a reboot";

class AgentReboot : public testing::Test {
 protected:
  void watch() {
    ASSERT_NO_FATAL_FAILURE(agent_.start());
    ASSERT_TRUE(Agent::comes_true([&] { return agent_.state_of("one") == "watched"; })) << agent_.log();
  }
  /// The guest boots again while nobody looks; then something is changed before anybody does.
  void reboot_and_plant(Guest& guest) {
    agent_.kill();
    ASSERT_TRUE(guest.qmp().execute("system_reset").has_value());
    const auto ready = guest.console().read_until("RINGSIDE LAB READY", std::chrono::minutes(3));
    ASSERT_TRUE(ready.has_value()) << ready.error().message;
    ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
    guest.run("echo 2 > /proc/sys/kernel/kptr_restrict");
  }
  Json finding(const std::string& check) const {
    for (const Json& one : agent_.findings({"--state", "open"}))
      if (one["check"] == check) return one;
    return Json();
  }
  /// The looks that its window of confirmation wants, and more: each of the checks has spoken.
  bool all_have_spoken() const {
    const Json guest = agent_.guest("one");
    return guest["checks"]["ok"].get<int>() + guest["checks"]["violated"].get<int>() > 10 &&
           guest["checks"]["unknown"] == 0 && guest["checks"]["undecided"] == 0;
  }

  TemporaryFolder folder_;
  Agent agent_{folder_};
};

TEST_F(AgentReboot, FindsWhatChangedOverARebootUntilItIsAccepted) {
  auto booted = Guest::boot(small("6.12-cloud"));
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  agent_.configure(
      fmt::format("guests: {{sockets: ['{}']}}\nwatching: {{settle: 1s}}\npolicies: {{builtIn: [idt, gdt, "
                  "msr-entry-points, control-registers, linux-settings, linux-vdso]}}\n",
                  show(guest, folder_)));
  ASSERT_NO_FATAL_FAILURE(watch());
  ASSERT_TRUE(Agent::comes_true([&] { return all_have_spoken(); })) << agent_.guests().dump(2);
  EXPECT_THAT(agent_.findings(), IsEmpty());
  EXPECT_TRUE(agent_.guest("one")["baseline"]["carried_from"].is_null());

  ASSERT_NO_FATAL_FAILURE(reboot_and_plant(guest));
  ASSERT_NO_FATAL_FAILURE(watch());
  ASSERT_TRUE(Agent::comes_true([&] {
    return !finding("gates-unchanged").is_null() && !finding("unchanged").is_null();
  })) << agent_.log()
      << agent_.guests().dump(2);
  const Json gate = finding("gates-unchanged"), setting = finding("unchanged");
  EXPECT_THAT(gate["message"].get<std::string>(),
              HasSubstr("IDT gate 31 of vCPU 0 changed: handler 0xffffffff"));
  EXPECT_THAT(gate["message"].get<std::string>(), HasSubstr(kOverReboot));
  EXPECT_THAT(setting["message"].get<std::string>(),
              HasSubstr("kptr_restrict changed: 0 -> 2 (changed over a reboot"));
  // What was expected has moved with the kernel: only the flipped bits differ.
  const auto address = [&](const char* column) {
    return std::stoull(gate["row"][column].get<std::string>(), nullptr, 16);
  };
  EXPECT_EQ(address("handler") ^ address("old.handler"), 0x5555u) << gate["row"].dump();
  // It is said what was carried over.
  const Json baseline = agent_.guest("one")["baseline"];
  EXPECT_FALSE(baseline["carried_from"].is_null()) << baseline.dump(2);
  EXPECT_THAT(baseline["carried"], Contains("idt/gates-unchanged")) << baseline.dump(2);
  EXPECT_EQ(baseline["learned_anew"].size() + baseline["in_part"].size() + baseline["carried"].size(), 11u)
      << baseline.dump(2);
  EXPECT_THAT(agent_.ask({"guests", "one"}).out, HasSubstr(", carried over from "));
  EXPECT_THAT(agent_.ask({"baseline", "show"}).out, HasSubstr("cloud-amd64"));
  EXPECT_THAT(agent_.log(), HasSubstr("carried over a reboot"));

  // Once both are accepted they are the baseline, at this boot and the next.
  for (const Json& one : {gate, setting})
    EXPECT_EQ(agent_.ask({"baseline", "accept", "--finding", one["id"]}).status, 0);
  ASSERT_TRUE(Agent::comes_true([&] {
    return agent_.findings({"--state", "open"}).empty() && all_have_spoken();
  })) << agent_.findings().dump(2);
  ASSERT_NO_FATAL_FAILURE(reboot_and_plant(guest));
  ASSERT_NO_FATAL_FAILURE(watch());
  ASSERT_TRUE(Agent::comes_true([&] { return all_have_spoken(); })) << agent_.guests().dump(2);
  EXPECT_THAT(agent_.findings({"--state", "open"}), IsEmpty()) << agent_.findings().dump(2);
  // The gate as it was at first would be a change by now.
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  EXPECT_TRUE(Agent::comes_true([&] { return !finding("gates-unchanged").is_null(); })) << agent_.log();
  EXPECT_EQ(agent_.ask({"evidence", "verify"}).status, 0);
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

TEST_F(AgentReboot, ModulesMayComeInAnotherOrder) {
  Options options = small("6.1-cloud");
  options.modules = true;
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  agent_.configure(
      fmt::format("guests: {{sockets: ['{}']}}\nwatching: {{settle: 1s}}\n", show(guest, folder_)));
  guest.run("modprobe -a dummy veth ip6_tables xt_LOG");
  ASSERT_NO_FATAL_FAILURE(watch());
  ASSERT_TRUE(Agent::comes_true([&] { return all_have_spoken(); })) << agent_.guests().dump(2);

  agent_.kill();
  ASSERT_TRUE(guest.qmp().execute("system_reset").has_value());
  const auto ready = guest.console().read_until("RINGSIDE LAB READY", std::chrono::minutes(3));
  ASSERT_TRUE(ready.has_value()) << ready.error().message;
  guest.run("modprobe -a xt_LOG ip6_tables bridge veth dummy");
  ASSERT_NO_FATAL_FAILURE(watch());
  ASSERT_TRUE(Agent::comes_true([&] { return all_have_spoken(); })) << agent_.guests().dump(2);
  EXPECT_FALSE(agent_.guest("one")["baseline"]["carried_from"].is_null());
  EXPECT_THAT(agent_.findings({"--state", "all"}), IsEmpty()) << agent_.findings().dump(2);
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

}  // namespace
}  // namespace ringside::lab
