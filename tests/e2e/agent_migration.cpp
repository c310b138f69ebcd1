// SPDX-License-Identifier: Apache-2.0
// A guest under the agent goes from one QEMU to another, with a finding on it, and gets and loses memory
// there.
#include "tests/e2e/support/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace ringside::lab {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kUuid = "6b1f0000-0000-4000-8000-000000000001";
constexpr std::uint64_t kFirstDimm = 0x1'0000'0000;  // QEMU puts DIMMs above 4 GiB

/// How the guest goes, and what its memory is there and here.
struct Way {
  std::string transport;
  Ram ram;
};
void PrintTo(const Way& way, std::ostream* out) {
  *out << way.transport;
}

/// One half of a migration: both must be the same machine.
Options half(Ram ram) {
  Options options = small("6.1-cloud");
  options.ram = ram;
  options.append = "memhp_default_state=online";
  options.extra = {"-name", "web", "-uuid", kUuid, "-m", "slots=2,maxmem=1G"};
  return options;
}

class AgentMigration : public testing::TestWithParam<Way> {
 protected:
  std::string why_of(const std::string& name) { return text(agent_.guest(name)["why"]); }
  static std::string text(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }
  std::set<std::string> open_checks() {
    std::set<std::string> checks;
    for (const Json& finding : agent_.findings()) checks.insert(text(finding["check"]));
    return checks;
  }
  /// Well seen, and looked at more than once since now.
  bool sees_all(const std::string& name) {
    const auto ticks = agent_.guest(name)["ticks"].get<int>();
    return Agent::comes_true([&] {
      const Json guest = agent_.guest(name);
      return guest["state"] == "watched" && guest["ticks"].get<int>() > ticks + 1 &&
             guest["checks"]["ok"].get<int>() > 100 && guest["checks"]["unknown"] == 0;
    });
  }
  /// Where QEMU waits for the guest that was asked to wait at `way`: it picks a port of its own.
  static std::string listens_at(Guest& destination, const std::string& way) {
    if (!way.starts_with("tcp:")) return way;
    const auto migration = destination.qmp().execute("query-migrate");
    return "tcp:127.0.0.1:" + migration.value()["socket-address"][0]["port"].get<std::string>();
  }
  void plug(Guest& guest, const std::string& id) {
    ASSERT_TRUE(guest.qmp().execute(
        "object-add", {{"qom-type", "memory-backend-ram"}, {"id", id + "-memory"}, {"size", 128u << 20}}));
    ASSERT_TRUE(
        guest.qmp().execute("device_add", {{"driver", "pc-dimm"}, {"id", id}, {"memdev", id + "-memory"}}));
  }

  TemporaryFolder folder_;
  Agent agent_{folder_};
};

TEST_P(AgentMigration, AGuestIsWatchedWhereItGoesAndWithTheMemoryThatItHasThere) {
  auto booted = Guest::boot(half(GetParam().ram));
  RINGSIDE_REQUIRE_GUEST(booted);
  Guest& source = **booted;
  Options incoming = half(GetParam().ram);
  const std::string way =
      GetParam().transport == "unix" ? "unix:" + folder_.file("incoming") : "tcp:127.0.0.1:0";
  incoming.extra.insert(incoming.extra.end(), {"-incoming", way});
  incoming.wait_ready = false;
  auto waiting = Guest::boot(incoming);
  RINGSIDE_REQUIRE_GUEST(waiting);
  Guest& destination = **waiting;
  show(source, folder_, "a");
  const std::string there = "web@" + show(destination, folder_, "b");
  const std::string here = "web@" + folder_.file("vm/a.qmp");
  agent_.configure(fmt::format("guests: {{sockets: ['{}/vm/*.qmp']}}\n", folder_.path()));
  ASSERT_NO_FATAL_FAILURE(agent_.start());

  // Two QEMUs with one UUID: the guest is where it runs.
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.state_of("web") == "watched"; })) << agent_.log();
  ASSERT_TRUE(sees_all("web")) << agent_.log();
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.state_of(there) == "booting"; }))
      << agent_.guests().dump(2);
  EXPECT_THAT(why_of(there), HasSubstr("waits for its state to arrive"));
  EXPECT_THAT(agent_.findings(), IsEmpty());
  const Json before = agent_.guest("web");

  // A finding that goes along.
  ASSERT_NO_FATAL_FAILURE(flip_gate(source));
  const std::set<std::string> changed = {"gates-unchanged", "interrupt-handlers"};
  ASSERT_TRUE(Agent::comes_true([&] { return open_checks() == changed; })) << agent_.findings().dump(2);

  ASSERT_TRUE(source.qmp().execute("migrate", {{"uri", listens_at(destination, way)}}));
  // In one answer: between two, the name goes from the source to the destination.
  ASSERT_TRUE(Agent::comes_true([&] {
    const Json guests = agent_.guests();
    return Agent::state_in(guests, "web") == "watched" && Agent::state_in(guests, here) == "stopped";
  })) << agent_.guests().dump(2);
  EXPECT_THAT(why_of(here), HasSubstr("migrated"));
  EXPECT_EQ(source.qmp().status(), "postmigrate");
  ASSERT_TRUE(sees_all("web")) << agent_.log();
  const Json after = agent_.guest("web");
  EXPECT_EQ(after["key"], before["key"]);
  EXPECT_EQ(after["kernel"], before["kernel"]);
  EXPECT_EQ(after["build_id"], before["build_id"]);
  EXPECT_EQ(after["baseline"], before["baseline"]) << "the same boot has the same baseline";
  EXPECT_NE(after["target"], before["target"]);
  EXPECT_EQ(open_checks(), changed) << agent_.findings().dump(2);
  for (const Json& finding : agent_.findings()) EXPECT_EQ(finding["count"], 1) << finding.dump(2);

  // It is put back where the guest is. What is left at the source still has it, and counts no more.
  ASSERT_NO_FATAL_FAILURE(flip_gate(destination));
  ASSERT_TRUE(Agent::comes_true([&] { return open_checks().empty(); })) << agent_.findings().dump(2);

  // The source ends: nothing of the guest does.
  source.kill();
  std::filesystem::remove(folder_.file("vm/a.qmp"));
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.guests().size() == 1; })) << agent_.guests().dump(2);
  EXPECT_EQ(agent_.state_of("web"), "watched");
  EXPECT_EQ(agent_.ask({"status", "--exit-code"}).status, 0);

  // Memory that the guest takes into use.
  ASSERT_NO_FATAL_FAILURE(plug(destination, "dimm0"));
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.log().find("web: it has 38") != std::string::npos; }))
      << agent_.log();
  ASSERT_TRUE(Agent::comes_true([&] {
    return std::stoi(destination.run("awk '/MemTotal/ {print $2}' /proc/meminfo")) > 256 << 10;
  })) << destination.run("dmesg | tail");
  // Kernel objects come to lie there, and are seen.
  destination.run("for i in $(seq 200); do sleep 1000 & done");
  ASSERT_TRUE(sees_all("web")) << agent_.guest("web").dump(2);
  EXPECT_THAT(agent_.findings(), IsEmpty());

  // Memory that it gives back.
  destination.run("echo online_movable > /sys/devices/system/memory/auto_online_blocks");
  ASSERT_NO_FATAL_FAILURE(plug(destination, "dimm1"));
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.log().find("web: it has 51") != std::string::npos; }))
      << agent_.log();
  ASSERT_TRUE(sees_all("web"));
  ASSERT_TRUE(destination.qmp().execute("device_del", {{"id", "dimm1"}}));
  ASSERT_TRUE(Agent::comes_true([&] { return destination.qmp().count("DEVICE_DELETED") == 1; }));
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.log().find("of RAM; it had 51") != std::string::npos; }))
      << agent_.log();
  ASSERT_TRUE(sees_all("web"));
  EXPECT_THAT(agent_.findings({"--state", "open", "--suppressed"}), IsEmpty());
  ASSERT_NO_FATAL_FAILURE(agent_.stop());

  // What ringside reads of the new block is what QEMU says stands there.
  const std::string ours = folder_.file("ours"), theirs = folder_.file("theirs");
  ASSERT_TRUE(destination.qmp().execute("stop"));
  const Finished read = agent_.ask({"read", destination.monitor_socket(), fmt::format("{:#x}", kFirstDimm),
                                    "1M", "--physical", "--output", ours});
  ASSERT_EQ(read.status, 0) << read.err;
  ASSERT_TRUE(
      destination.qmp().execute("pmemsave", {{"val", kFirstDimm}, {"size", 1u << 20}, {"filename", theirs}}));
  const std::string bytes = agent_.read(ours);
  EXPECT_EQ(bytes.size(), 1u << 20);
  EXPECT_NE(bytes.find_first_not_of('\0'), std::string::npos) << "nothing was ever written there";
  EXPECT_TRUE(bytes == agent_.read(theirs));
}

INSTANTIATE_TEST_SUITE_P(, AgentMigration,
                         testing::Values(Way{"unix", Ram::memfd}, Way{"tcp", Ram::anonymous}),
                         [](const auto& way) { return way.param.transport; });

}  // namespace
}  // namespace ringside::lab
