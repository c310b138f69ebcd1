// SPDX-License-Identifier: Apache-2.0
// A guest whose start-up goes on when its baseline is taken: what it adds is learned, once, and nothing else.
#include "tests/e2e/support/agent.h"

#include <gmock/gmock.h>
#include <sys/uio.h>

#include <regex>
#include <stdexcept>
#include <thread>

namespace ringside::lab {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;

/// What stands `offset` bytes behind a symbol of the guest, in QEMU's memory.
IdtGate memory_at(Guest& guest, const std::string& symbol, std::uint64_t offset = 0) {
  const std::string line = guest.run("grep -E ' [tTdDbB] " + symbol + "(\\s|$)' /proc/kallsyms");
  const auto number = [](const std::string& text, const char* pattern) {
    std::smatch match;
    if (!std::regex_search(text, match, std::regex(pattern)))
      throw std::runtime_error("unexpected answer: " + text);
    return std::stoull(match[1], nullptr, 16);
  };
  const std::uint64_t gva = number(line, "([0-9a-f]{16})") + offset;
  const std::uint64_t gpa =
      number(guest.qmp().hmp(fmt::format("gva2gpa {:#x}", gva), 0), "gpa: *(0x[0-9a-f]+)");
  return {guest.pid(), number(guest.qmp().hmp(fmt::format("gpa2hva {:#x}", gpa), 0), "is 0x([0-9a-f]+)")};
}

/// Writes the number there; gives the one that stood there before.
int exchange(const IdtGate& place, int number) {
  int before = 0;
  const iovec local{&before, sizeof before}, remote{reinterpret_cast<void*>(place.hva), sizeof before};
  if (process_vm_readv(place.qemu, &local, 1, &remote, 1, 0) != sizeof before)
    throw std::runtime_error("cannot read the guest's memory");
  const iovec other{&number, sizeof number};
  if (process_vm_writev(place.qemu, &other, 1, &remote, 1, 0) != sizeof number)
    throw std::runtime_error("cannot write to the guest's memory");
  return before;
}

class AgentStartUp : public testing::Test {
 protected:
  void configure(Guest& guest, const std::string& watching, const std::string& policies) {
    if (where_.empty()) where_ = show(guest, folder_);
    agent_.configure(
        fmt::format("guests: {{sockets: ['{}']}}\nwatching: {{{}}}\npolicies: {{builtIn: [{}]}}\n", where_,
                    watching, policies));
  }
  Json finding(const std::string& check) const {
    for (const Json& one : agent_.findings({"--state", "all"}))
      if (one["check"] == check) return one;
    return Json();
  }
  bool is_open(const std::string& check) const {
    const Json one = finding(check);
    return !one.is_null() && one["state"] == "open";
  }
  Json start_up() const {
    const Json baseline = agent_.guest("one")["baseline"];
    return baseline.is_object() ? baseline["start_up"] : Json();
  }
  bool is_learned() const {
    const Json it = start_up();
    return it.is_object() && !it["learned"].is_null();
  }
  int checks(const char* verdict) const { return agent_.guest("one")["checks"][verdict]; }
  bool says_all() const { return checks("ok") > 0 && checks("unknown") == 0 && checks("undecided") == 0; }
  std::vector<std::string> kinds() const {
    std::vector<std::string> all;
    for (const Json& one : agent_.findings({"--state", "all"})) all.push_back(one["kind"]);
    return all;
  }

  TemporaryFolder folder_;
  Agent agent_{folder_};
  std::string where_;
};

TEST_F(AgentStartUp, WhatItAddsIsLearnedAndNoChange) {
  Options options = small("6.12-cloud");
  options.modules = true;
  options.wait_ready = false;
  auto booted = Guest::boot(options);
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  // It boots for longer than checks may be blind, which is no finding. The kernel needs seconds to be up.
  ASSERT_TRUE(guest.qmp().execute("stop").has_value());
  configure(guest, "settle: 1h, blindAfter: 500ms", "idt");
  ASSERT_NO_FATAL_FAILURE(agent_.start());
  ASSERT_TRUE(Agent::comes_true([&] {
    return agent_.state_of("one") == "booting" && agent_.guest("one")["ticks"].get<int>() >= 4;
  })) << agent_.log();
  ASSERT_TRUE(guest.qmp().execute("cont").has_value());
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.state_of("one") == "watched"; })) << agent_.log();
  EXPECT_THAT(kinds(), IsEmpty());
  const auto ready = guest.console().read_until("RINGSIDE LAB READY", std::chrono::minutes(3));
  ASSERT_TRUE(ready.has_value()) << ready.error().message;
  // Its start-up is not over before this test says so.
  ASSERT_TRUE(start_up().is_object()) << agent_.guests().dump(2);
  EXPECT_FALSE(is_learned());
  EXPECT_THAT(agent_.ask({"guests", "one"}).out, HasSubstr("goes on"));

  // It loads a module, which cannot be compared with anything, and somebody changes a gate.
  configure(guest, "settle: 1h, blindAfter: 1h", "idt, linux-text");
  agent_.hang_up();
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.json({"status"})["policies"]["count"] == 2; }));
  guest.run("modprobe dummy");
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  ASSERT_TRUE(Agent::comes_true([&] { return checks("unknown") == 1 && is_open("gates-unchanged"); }))
      << agent_.guests().dump(2);

  // The agent is killed meanwhile; the next one sees start-up to its end.
  agent_.kill();
  configure(guest, "settle: 1s", "idt, linux-text");
  ASSERT_NO_FATAL_FAILURE(agent_.start());
  ASSERT_TRUE(Agent::comes_true([&] { return is_learned(); })) << agent_.log() << agent_.guests().dump(2);
  EXPECT_THAT(start_up()["code"], Contains("dummy")) << start_up().dump(2);
  EXPECT_THAT(agent_.log(), HasSubstr("learned of it: code of dummy"));
  EXPECT_THAT(agent_.ask({"baseline", "show", agent_.guest("one")["key"]}).out, HasSubstr("code of dummy"));
  ASSERT_TRUE(Agent::comes_true([&] { return says_all(); })) << agent_.guests().dump(2);
  EXPECT_TRUE(is_open("gates-unchanged")) << finding("gates-unchanged").dump(2);
  EXPECT_EQ(finding("gates-unchanged")["count"], 1);
  EXPECT_THAT(kinds(), Each("violation"));

  // The module's code is compared with what was learned.
  const IdtGate code = memory_at(guest, "dummy_xmit", 0x10);
  code.flip();
  ASSERT_TRUE(Agent::comes_true([&] { return is_open("module-code"); })) << agent_.guests().dump(2);
  EXPECT_THAT(finding("module-code")["message"].get<std::string>(), HasSubstr("of dummy at 0x"));
  code.flip();
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  ASSERT_TRUE(Agent::comes_true([&] { return !is_open("module-code") && !is_open("gates-unchanged"); }))
      << agent_.findings().dump(2);
  EXPECT_EQ(agent_.ask({"evidence", "verify"}).status, 0);
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

TEST_F(AgentStartUp, LastsAsLongAsTheKernelSaysAndComesWithEachBoot) {
  auto booted = Guest::boot(small("6.1-cloud"));
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& guest = **booted;
  // As a guest is that has a small share of a CPU only: its IDT stands long before it has booted.
  constexpr int kScheduling = 1;  // include/linux/kernel.h, enum system_states
  const IdtGate system_state = memory_at(guest, "system_state");
  const int running = exchange(system_state, kScheduling);
  configure(guest, "settle: 1s, blindAfter: 1s", "idt, linux-text");
  ASSERT_NO_FATAL_FAILURE(agent_.start());
  // Registers that stand still would be enough for a kernel that says nothing: looks.cpp, kSettle.
  const auto longer_than_registers_settle = std::chrono::steady_clock::now() + std::chrono::seconds(35);
  while (std::chrono::steady_clock::now() < longer_than_registers_settle) {
    const std::string state = agent_.state_of("one");
    ASSERT_TRUE(state.empty() || state == "attaching" || state == "booting") << state << agent_.log();
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  EXPECT_EQ(agent_.state_of("one"), "booting");
  EXPECT_THAT(kinds(), IsEmpty());
  EXPECT_EQ(exchange(system_state, running), kScheduling);
  const auto settled = [&] { return agent_.state_of("one") == "watched" && is_learned() && says_all(); };
  ASSERT_TRUE(Agent::comes_true(settled)) << agent_.log() << agent_.guests().dump(2);
  const Json first = start_up()["learned"];

  ASSERT_TRUE(guest.qmp().execute("system_reset").has_value());
  const auto ready = guest.console().read_until("RINGSIDE LAB READY", std::chrono::minutes(3));
  ASSERT_TRUE(ready.has_value()) << ready.error().message;
  ASSERT_TRUE(Agent::comes_true([&] { return settled() && start_up()["learned"] != first; }))
      << agent_.log() << agent_.guests().dump(2);
  EXPECT_THAT(kinds(), IsEmpty()) << agent_.findings().dump(2);
  ASSERT_NO_FATAL_FAILURE(flip_gate(guest));
  ASSERT_TRUE(Agent::comes_true([&] { return is_open("gates-unchanged"); })) << agent_.guests().dump(2);
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

}  // namespace
}  // namespace ringside::lab
