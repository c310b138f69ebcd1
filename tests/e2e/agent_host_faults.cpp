// SPDX-License-Identifier: Apache-2.0
// What a host does to the daemon: a disk that is full, a receiver that is away, a clock that jumps. Findings
// and what waits to be told survive, none twice, none lost.
#include "tests/e2e/support/agent_with_guest.h"
#include "tests/lab/tiny_disk.h"
#include "tests/lab/webhook_receiver.h"

#include <fmt/chrono.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

namespace ringside::lab {
namespace {

using std::chrono::seconds;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class AgentHostFaults : public AgentWithGuest {
 protected:
  AgentHostFaults() { enough_ = 5; }

  /// The built-in policy whose check flip_gate() violates, and an output to a file: one finding each time.
  std::string only_gates(const std::string& outputs = {}) const {
    return "policies: {builtIn: [idt, gdt]}\noutputs:\n" +
           (outputs.empty() ? fmt::format("  - {{name: lines, kind: json, to: '{}'}}\n", events()) : outputs);
  }
  std::string events() const { return folder_.file("events.jsonl"); }
  /// What was told of findings, in order: "Create", "Close", ... (OCSF, activity_name).
  std::vector<std::string> told() const {
    std::vector<std::string> all;
    std::istringstream lines(agent_.read(events()));
    for (std::string line; std::getline(lines, line);) {
      const Json event = Json::parse(line, nullptr, false);
      all.push_back(event.is_discarded() ? "half a line" : event.value("activity_name", "?"));
    }
    return all;
  }
  /// What the session itself has open, whether it is written or not.
  bool has_found(int findings) const { return agent_.guest("real")["findings"] == findings; }
  Json store() const { return agent_.json({"status"})["store"]; }
  Json output() const { return agent_.json({"status"})["outputs"][0]; }
};

TEST_F(AgentHostFaults, AFullDiskLosesNothing) {
  auto disk = TinyDisk::mount(folder_.file("state"), 64u << 20);
  if (!disk) GTEST_SKIP() << disk.error().message;
  ASSERT_NO_FATAL_FAILURE(watch_real_guest(only_gates()));
  ASSERT_TRUE((*disk)->fill().has_value());

  // Found, put back, and found again while nothing can be written: it waits in memory, in order.
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return has_found(1); })) << agent_.log();
  EXPECT_THAT(store()["error"].get<std::string>(), HasSubstr("the disk is full"));
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return has_found(0); })) << store().dump();
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return has_found(1); })) << store().dump();
  EXPECT_GE(store()["waiting"].get<int>(), 3);
  EXPECT_THAT(told(), SizeIs(0));
  EXPECT_EQ(agent_.guest("real")["since"], since_);

  (*disk)->make_room();
  ASSERT_TRUE(Agent::comes_true([&] { return store()["waiting"] == 0; })) << agent_.log();
  EXPECT_TRUE(store()["error"].is_null());
  EXPECT_EQ(store()["dropped"], 0);
  ASSERT_TRUE(Agent::comes_true([&] { return told().size() >= 3; }));
  EXPECT_THAT(told(), ElementsAre("Create", "Close", "Create"));
  ASSERT_THAT(agent_.findings(), SizeIs(1));
  EXPECT_EQ(agent_.findings()[0]["count"], 2);
  nothing_was_changed_since();

  // Killed with what waits in memory: it is found again by the next agent, and told then.
  ASSERT_TRUE((*disk)->fill().has_value());
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return has_found(0); })) << agent_.log();
  agent_.kill();
  (*disk)->make_room();
  ASSERT_NO_FATAL_FAILURE(agent_.start());
  ASSERT_TRUE(Agent::comes_true([&] { return told().size() >= 4; })) << agent_.log();
  EXPECT_THAT(told(), ElementsAre("Create", "Close", "Create", "Close"));
  EXPECT_THAT(agent_.findings(), SizeIs(0));
  nothing_was_changed_since();
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

TEST_F(AgentHostFaults, AnAgentStartsOnAFullDiskOrSaysWhyNot) {
  auto disk = TinyDisk::mount(folder_.file("state"), 16u << 20);
  if (!disk) GTEST_SKIP() << disk.error().message;
  ASSERT_TRUE((*disk)->fill().has_value());
  agent_.configure("guests: {}\n");
  const Finished ended = agent_.ask({"agent", "--config", folder_.file("ringside.yaml")});
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.err, HasSubstr("full"));
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 2) << ended.err;
}

TEST_F(AgentHostFaults, AReceiverThatIsAwayGetsEverythingOnce) {
  WebhookReceiver receiver;
  ASSERT_NO_FATAL_FAILURE(watch_real_guest(
      only_gates(fmt::format("  - {{name: hook, kind: webhook, to: '{}'}}\n", receiver.url()))));
  ASSERT_NO_FATAL_FAILURE(real_guest_is_unharmed());
  ASSERT_TRUE(Agent::comes_true([&] { return output()["waiting"] == 2 && !output()["failing"].is_null(); }))
      << output().dump();

  // What waits survives the agent, and more comes to it.
  agent_.kill();
  ASSERT_NO_FATAL_FAILURE(agent_.start());
  ASSERT_NO_FATAL_FAILURE(real_guest_is_watched());
  EXPECT_EQ(output()["waiting"], 2);
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return output()["waiting"] == 3; })) << output().dump();

  // One that takes a message and dies before it says so: it is told again, and known by its id.
  receiver.come(/*answers=*/false);
  ASSERT_TRUE(Agent::comes_true([&] { return !receiver.received().empty(); }, seconds(90)));
  receiver.leave();
  const std::size_t unanswered = receiver.received().size();
  receiver.come();
  ASSERT_TRUE(Agent::comes_true([&] { return output()["waiting"] == 0; }, seconds(90))) << output().dump();
  EXPECT_EQ(output()["sent"], 3);
  EXPECT_EQ(output()["dropped"], 0);
  const auto all = receiver.received();
  std::vector<std::string> events;
  std::map<std::string, Json> by_id;
  for (const Json& one : all) {
    const auto [known, first] = by_id.emplace(one["uuid"].get<std::string>(), one);
    EXPECT_EQ(known->second, one);
    if (first) events.push_back(one["output_fields"]["ringside.event"]);
  }
  EXPECT_THAT(events, ElementsAre("finding.opened", "finding.resolved", "finding.opened"));
  EXPECT_EQ(all.size(), 3 + unanswered);

  // Nobody is told once more by a third agent.
  agent_.kill();
  ASSERT_NO_FATAL_FAILURE(agent_.start());
  ASSERT_NO_FATAL_FAILURE(real_guest_is_watched());
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return receiver.received().size() > all.size(); })) << output().dump();
  EXPECT_EQ(receiver.received().back()["output_fields"]["ringside.event"], "finding.resolved");
  EXPECT_EQ(receiver.received().size(), all.size() + 1);
  nothing_was_changed_since();
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

/// What the agent takes for the time: libfaketime reads the offset from a file at every call, and leaves the
/// monotonic clock, by which the agent waits, as it is.
class FakeClock {
 public:
  explicit FakeClock(std::string file) : file_(std::move(file)) { jump("+0d"); }
  static bool can_be() { return std::filesystem::exists(kLibrary); }
  std::vector<std::string> environment() const {
    return {std::string("LD_PRELOAD=") + kLibrary,
            "FAKETIME_TIMESTAMP_FILE=" + file_,
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "NO_FAKE_STAT=1",
            "FAKETIME_DISABLE_SHM=1"};
  }
  void jump(const std::string& offset) const {
    std::ofstream(file_ + ".next") << offset << '\n';
    std::filesystem::rename(file_ + ".next", file_);
  }

 private:
  static constexpr const char* kLibrary = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
  std::string file_;
};

/// The day of an RFC 3339 time, so many days from now.
std::string day(int from_now) {
  const auto then = std::chrono::system_clock::now() + std::chrono::hours(24 * from_now);
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::chrono::system_clock::to_time_t(then)));
}

TEST_F(AgentHostFaults, AClockThatJumpsDisturbsNothing) {
  if (!FakeClock::can_be()) GTEST_SKIP() << "libfaketime is not installed (package libfaketime)";
  const FakeClock clock(folder_.file("clock"));
  agent_.start_with(clock.environment());
  std::ofstream(folder_.file("exceptions.yaml")) << fmt::format(R"(
apiVersion: ringside/v1
kind: Exceptions
spec:
  - id: EX-1
    policy: idt
    check: gates-unchanged
    match: {{vector: 31}}
    reason: the test changes it
    owner: lab
    expires: {}
)",
                                                                day(1));
  ASSERT_NO_FATAL_FAILURE(
      watch_real_guest(fmt::format("policies: {{builtIn: [idt, gdt], exceptions: ['{}']}}\n"
                                   "outputs:\n  - {{name: lines, kind: json, to: '{}'}}\n",
                                   folder_.file("exceptions.yaml"), events())));
  auto stream = Process::start({RINGSIDE_PROGRAM, "watch"}, folder_.file("watch.log"),
                               {"RINGSIDE_CONTROL=" + agent_.control(), "NO_COLOR=1"});
  ASSERT_TRUE(stream.has_value());

  // Today the exception silences it.
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.findings({"--suppressed"}).size() == 1; }))
      << agent_.log();
  EXPECT_THAT(agent_.findings(), SizeIs(0));
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] {
    return agent_.findings({"--suppressed", "--state", "open"}).empty();
  }));

  // Two days later it has expired.
  const auto ticks = [&] { return agent_.guest("real")["ticks"].get<int>(); };
  clock.jump("+2d");
  const int before = ticks();
  std::this_thread::sleep_for(seconds(3));
  EXPECT_LE(ticks() - before, 12);  // none that the clock seems to owe
  ASSERT_TRUE(Agent::comes_true([&] { return ticks() > before; }));
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.findings().size() == 1; })) << agent_.log();
  const Json finding = agent_.findings()[0];
  EXPECT_THAT(finding["last_seen"].get<std::string>(), AnyOf(HasSubstr(day(1)), HasSubstr(day(2))))
      << finding.dump();
  EXPECT_THAT(agent_.json({"status"})["exceptions"]["expired"], SizeIs(1));
  ASSERT_TRUE(Agent::comes_true([&] { return told() == std::vector<std::string>{"Create"}; }));

  // Back to the day before yesterday: what is open stays open, and is not told again.
  clock.jump("-1d");
  const int then = ticks();
  ASSERT_TRUE(Agent::comes_true([&] { return ticks() > then + 2; })) << agent_.guest("real").dump();
  ASSERT_THAT(agent_.findings(), SizeIs(1));
  EXPECT_GE(agent_.findings()[0]["last_seen"], finding["last_seen"]);
  ASSERT_NO_FATAL_FAILURE(flip_gate(*guest_));
  ASSERT_TRUE(Agent::comes_true([&] { return told().size() >= 2; })) << agent_.log();
  EXPECT_THAT(told(), ElementsAre("Create", "Close"));
  EXPECT_EQ(agent_.guest("real")["since"], since_);
  const std::string id = finding["id"];
  const std::string watched = agent_.read(folder_.file("watch.log"));
  EXPECT_THAT(watched, HasSubstr(id.substr(0, 12)));
  EXPECT_EQ(stream->poll(), std::nullopt) << watched;
  nothing_was_changed_since();

  // A finding that was closed before it was opened, by that clock, is kept and shown all the same.
  const Json shown = agent_.json({"findings", "show", id});
  EXPECT_EQ(shown["state"], "resolved") << shown.dump();
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

}  // namespace
}  // namespace ringside::lab
