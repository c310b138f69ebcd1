// SPDX-License-Identifier: Apache-2.0
// Many guests under one agent: mixed kernels, one of 32 bits, one that stands still, one that reboots over
// and over, and one that libvirt manages, where libvirt can run.
//   RINGSIDE_FLEET_GUESTS=12     how many (4)
//   RINGSIDE_FLEET_SECONDS=900   how long they are watched (60)
#include "tests/e2e/support/agent.h"
#include "tests/e2e/support/process_use.h"
#include "tests/lab/libvirt_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

namespace ringside::lab {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::SizeIs;

unsigned setting(const char* name, unsigned otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : static_cast<unsigned>(std::stoul(value));
}

struct Member {
  std::string name, kernel;
  std::unique_ptr<Guest> guest;
  bool stands_still = false, reboots = false;
  bool quiet() const { return !stands_still && !reboots; }
};

/// A domain of a libvirt daemon of the test's own.
struct Domain {
  std::string why_not;
  std::unique_ptr<LibvirtHost> host;

  Domain() {
    auto made = LibvirtHost::make();
    if (made)
      if (auto started = (*made)->start_daemon(); !started) made = fail(started.error());
    if (made)
      if (auto created = (*made)->create_domain("domain", "11111111-2222-3333-4444-555555555555"); !created)
        made = fail(created.error());
    if (made)
      host = std::move(*made);
    else
      why_not = made.error().message;
  }
  std::string source() const { return host ? fmt::format(", libvirt: ['{}']", host->uri()) : ""; }
  IdtGate gate() const {
    pid_t pid = 0;
    std::ifstream(host->folder().file("run/qemu/domain.pid")) >> pid;
    return IdtGate::find(pid, [this](const std::string& line) {
      return host->virsh({"qemu-monitor-command", "domain", "--hmp", line}).out;
    });
  }
};

std::vector<Member> boot_all(unsigned count, std::string& missing) {
  static const std::vector<std::string> kKernels = {"6.1-cloud", "sid-cloud", "5.10-cloud", "6.1-686-pae",
                                                    "6.12-cloud"};
  std::vector<Member> members;
  for (unsigned i = 0; i < count; ++i) {
    Member member;
    // The one of 32 bits once only.
    member.kernel = kKernels[i % kKernels.size()];
    if (member.kernel == "6.1-686-pae" && i > 3) member.kernel = "6.1-cloud";
    member.name = fmt::format("g{}", i);
    auto booted = Guest::boot(small(member.kernel));
    if (!booted) {
      missing = booted.error().message;
      return {};
    }
    member.guest = std::move(*booted);
    members.push_back(std::move(member));
  }
  members[0].stands_still = true;
  members[1].reboots = true;
  return members;
}

TEST(AgentFleet, IsWatchedWithoutAWordUntilSomebodyTampers) {
  const unsigned count = std::max(setting("RINGSIDE_FLEET_GUESTS", 4), 3u);
  const seconds length(setting("RINGSIDE_FLEET_SECONDS", 60));
  std::string missing;
  auto members = boot_all(count, missing);
  if (members.empty()) GTEST_SKIP() << missing;
  const Domain domain;
  if (!domain.host) std::cout << "no guest of libvirt among them: " << domain.why_not << '\n';
  const std::size_t watched_guests = count + (domain.host ? 1 : 0);
  TemporaryFolder folder;
  for (const Member& member : members) show(*member.guest, folder, member.name);
  Agent agent(folder);
  agent.configure(fmt::format("guests: {{sockets: ['{}/vm/*.qmp']{}}}\n", folder.path(), domain.source()));
  ASSERT_NO_FATAL_FAILURE(agent.start());
  ASSERT_TRUE(Agent::comes_true(
      [&] {
        const Json guests = agent.guests();
        return guests.size() == watched_guests && std::ranges::all_of(guests, [](const Json& guest) {
                 return guest["state"] == "watched" && guest["checks"]["ok"].get<int>() > 20;
               });
      },
      seconds(300)))
      << agent.log() << agent.guests().dump(2);
  ASSERT_TRUE(members[0].guest->qmp().execute("stop").has_value());
  for (Member& member : members) member.guest->qmp().clear_events();

  // What was learnt is in memory once every policy was due a few times.
  std::this_thread::sleep_for(std::min<seconds>(length / 4, seconds(60)));
  const Use before = use_of(agent.pid());
  const auto begin = steady_clock::now();
  // Each boot is evaluated from nothing, which takes tens of megabytes for seconds: what is kept shows
  // between.
  const auto window = std::min(length / 4, seconds(120));
  auto next_reset = begin;
  const auto watch_for = [&](steady_clock::duration time) {
    const MemoryRange memory(agent.pid());
    for (const auto end = steady_clock::now() + time; steady_clock::now() < end;) {
      if (steady_clock::now() >= next_reset) {
        members[1].guest->qmp().execute("system_reset");
        next_reset += seconds(30);
      }
      std::this_thread::sleep_for(seconds(1));
    }
    return std::pair(memory.least(), memory.most());
  };
  const auto [least_at_first, most_at_first] = watch_for(window);
  watch_for(length - 2 * window);
  const auto [least_at_last, most_at_last] = watch_for(window);
  const double watched = std::chrono::duration<double>(steady_clock::now() - begin).count();
  const Use after = use_of(agent.pid());
  const Json status = agent.json({"status"});
  const auto all = static_cast<double>(watched_guests);
  std::cout << fmt::format(
      "{} guests{}, {:.0f} s: {:.2f} % of a core a guest, {:.0f} to {:.0f} MiB a guest (at first {:.0f} to "
      "{:.0f}), "
      "{} ticks, {} missed\n",
      watched_guests, domain.host ? ", one of libvirt" : "", watched,
      100 * (after.cpu_seconds - before.cpu_seconds) / watched / all, least_at_last / all, most_at_last / all,
      least_at_first / all, most_at_first / all, status["scheduler"]["ticks"].get<int>(),
      status["scheduler"]["missed"].get<int>());

  for (const Json& finding : agent.findings({"--severity", "medium"})) ADD_FAILURE() << finding.dump(2);
  for (Member& member : members) {
    if (!member.quiet()) continue;
    EXPECT_EQ(member.guest->qmp().count("STOP"), 0u) << member.name;
  }
  // In the first minutes caches still fill.
  if (length >= seconds(600)) {
    EXPECT_LE(least_at_last, least_at_first * 1.05);
  }

  // Each in turn.
  std::vector<std::pair<std::string, IdtGate>> gates;
  for (Member& member : members)
    if (member.quiet()) gates.emplace_back(member.name, IdtGate::of(*member.guest));
  if (domain.host) gates.emplace_back("domain", domain.gate());
  std::vector<double> delays;
  for (const auto& [name, gate] : gates) {
    const auto tampered = steady_clock::now();
    gate.flip();
    ASSERT_TRUE(Agent::comes_true([&, who = name] {
      return !agent.findings({"--guest", who, "--severity", "high"}).empty();
    })) << name
        << '\n'
        << agent.log();
    delays.push_back(std::chrono::duration<double>(steady_clock::now() - tampered).count());
    gate.flip();
  }
  std::ranges::sort(delays);
  std::cout << fmt::format("a changed gate was reported after {:.1f} s (median), {:.1f} s at most\n",
                           delays[delays.size() / 2], delays.back());
  EXPECT_TRUE(Agent::comes_true([&] {
    return agent.findings({"--severity", "high"}).empty();
  })) << agent.findings().dump(2);
  ASSERT_NO_FATAL_FAILURE(agent.stop());
}

}  // namespace
}  // namespace ringside::lab
