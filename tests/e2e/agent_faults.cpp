// SPDX-License-Identifier: Apache-2.0
// Monitors that are broken, hostile or no monitors at all, beside a real guest under one agent: the agent
// stays up and at rest, says what is wrong with each, tries again ever more seldom, and the real guest is
// watched as if it were alone.
#include "tests/e2e/support/agent_with_guest.h"
#include "tests/lab/fake_qmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>

namespace ringside::lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AgentFaults : public AgentWithGuest {
 protected:
  void fake(const std::string& name, FakeQmp::Script script) {
    fakes_[name] = std::make_unique<FakeQmp>(folder_.file("vm/" + name + ".qmp"), std::move(script));
  }
  std::map<std::string, std::size_t> connections() const {
    std::map<std::string, std::size_t> all;
    for (const auto& [name, one] : fakes_) all[name] = one->connections();
    return all;
  }
  /// `ringside guests` says of each, sooner or later, what is wrong with it.
  void each_says(const std::string& state, const std::map<std::string, std::string>& why) {
    for (const auto& [name, words] : why)
      EXPECT_TRUE(Agent::comes_true(
          [&, name = name, words = words] {
            const Json guest = agent_.guest(name);
            return !guest.is_null() && guest["state"] == state &&
                   guest["why"].get<std::string>().find(words) != std::string::npos;
          },
          seconds(60)))
          << name << ": " << agent_.guest(name).dump();
  }
  /// Each is tried ever more seldom: after 1, 2, 4, 8 s, ...
  void is_patient(seconds length, std::size_t most) {
    const auto tried = connections();
    std::this_thread::sleep_for(length);
    for (const auto& [name, count] : connections()) EXPECT_LE(count - tried.at(name), most) << name;
  }

  std::map<std::string, std::unique_ptr<FakeQmp>> fakes_;
};

/// Answers plausibly, but for one monitor command.
std::function<std::optional<Json>(const Json&)> instead(const std::string& line, const std::string& text) {
  return [line, text](const Json& command) -> std::optional<Json> {
    if (command.contains("arguments") && command["arguments"].value("command-line", "").starts_with(line))
      return text;
    return plausible_answer(command);
  };
}

TEST_F(AgentFaults, MonitorsThatNeverBecomeOne) {
  ASSERT_NO_FATAL_FAILURE(watch_real_guest("watching: {connectTimeout: 2s}\n"));
  const MemoryRange memory(agent_.pid());
  const auto before = memory.most();
  fake("garbage", [](auto& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.stay();
  });
  fake("half", [](auto& peer) {
    peer.send(R"({"QMP": {"version": {"qemu")");
    peer.stay();
  });
  fake("silent", [](auto& peer) { peer.stay(); });
  fake("dripping", [](auto& peer) {
    for (const char byte :
         std::string(R"({"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}}})"))
      if (!peer.send(std::string_view(&byte, 1)) || !peer.stay(milliseconds(500))) return;
  });
  fake("dripping-later", [](auto& peer) {
    peer.greet();
    while (peer.send(" ") && peer.stay(milliseconds(500))) {
    }
  });
  fake("endless", [](auto& peer) {
    const std::string much(1 << 20, 'x');
    peer.send(R"({"QMP": ")");
    while (peer.send(much)) {
    }
  });
  fake("endless-later", [](auto& peer) {
    const std::string much(1 << 20, 'x');
    if (!peer.greet() || !peer.command()) return;
    peer.send(R"({"return": ")");
    while (peer.send(much)) {
    }
  });
  fake("deep", [](auto& peer) {
    peer.greet();
    peer.send(R"({"return": )" + std::string(1 << 20, '['));
    peer.stay();
  });
  fake("closing", [](auto&) {});
  fake("greets-twice", [](auto& peer) {
    peer.greet();
    peer.greet();
    peer.stay();
  });
  fake("refusing", [](auto& peer) {
    if (!peer.greet()) return;
    while (const auto command = peer.command()) peer.refuse(*command, "no");
  });
  fake("other-ids", [](auto& peer) {
    if (!peer.greet()) return;
    while (auto command = peer.command()) {
      for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
        (*command)["id"] = id;
        peer.reply(*command, Json::object());
      }
    }
  });

  const std::map<std::string, std::string> why = {
      {"garbage", "does not start with a brace"},
      {"half", "no greeting"},
      {"silent", "no greeting"},
      {"dripping", "no greeting"},
      {"dripping-later", "negotiating capabilities"},
      {"endless", "more than"},
      {"endless-later", "more than"},
      {"deep", "nested"},
      {"closing", "no QMP greeting came"},
      {"greets-twice", "greeted twice"},
      {"refusing", "GenericError: no"},
      {"other-ids", "negotiating capabilities"},
  };
  each_says("retry", why);
  is_patient(seconds(3), 3);
  EXPECT_LT(fakes_["endless"]->most_sent(), 1u << 20);
  EXPECT_GT(fakes_["endless"]->most_sent(), 0u);
  EXPECT_LT(fakes_["endless-later"]->most_sent(), 32u << 20);
  EXPECT_GT(fakes_["endless-later"]->most_sent(), 1u << 20);
  std::cout << fmt::format("{:.0f} MiB at most, {:.0f} before\n", memory.most(), before);
  EXPECT_LT(memory.most(), before + 96);  // the longest message, and room to read it into
  ASSERT_NO_FATAL_FAILURE(real_guest_is_unharmed());
  const double busy = load(seconds(3));
  std::cout << fmt::format("{:.0f} % of a core\n", 100 * busy);
  EXPECT_LT(busy, 0.5);
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

TEST_F(AgentFaults, MonitorsThatLie) {
  ASSERT_NO_FATAL_FAILURE(watch_real_guest());
  const MemoryRange memory(agent_.pid());
  const auto before = memory.most();
  fake("addresses-of-nothing", [](auto& peer) {
    converse(peer, instead("gpa2hva", "Host virtual address for 0x0 (pc.ram) is 0x10\r\n"));
  });
  fake("nonsense-registers",
       [](auto& peer) { converse(peer, instead("info registers", "CR3=oh no\r\nCPU#4294967295\r\n")); });
  fake("huge-ram", [](auto& peer) {
    converse(peer, instead("info mtree",
                           "FlatView #0\r\n AS \"memory\", root: system\r\n"
                           "  0000000000000000-7fffffffffffffff (prio 0, ram): pc.ram\r\n"));
  });
  // Attaches well each time, and is gone soon after.
  fake("short-lived", [](auto& peer) { converse(peer, plausible_answer, 60); });
  each_says("retry", {{"addresses-of-nothing", "it has no memory at 0x0000000000000010"},
                      {"huge-ram", "no memory at"},
                      {"short-lived", "closed the connection"}});
  each_says("booting", {{"nonsense-registers", "could not be read"}});
  is_patient(seconds(3), 3);
  std::cout << fmt::format("{:.0f} MiB at most, {:.0f} before\n", memory.most(), before);
  EXPECT_LT(memory.most(), before + 96);
  ASSERT_NO_FATAL_FAILURE(real_guest_is_unharmed());
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

TEST_F(AgentFaults, MonitorsThatTakeTheirTime) {
  ASSERT_NO_FATAL_FAILURE(watch_real_guest());
  // More than the agent has threads. Each answer comes before any deadline.
  for (const char* name : {"slow-1", "slow-2", "slow-3", "slow-4", "slow-5", "slow-6"})
    fake(name, [](auto& peer) {
      converse(peer, [&](const Json& command) -> std::optional<Json> {
        return peer.stay(seconds(3)) ? plausible_answer(command) : std::nullopt;
      });
    });
  ASSERT_TRUE(Agent::comes_true([&] {
    return std::ranges::all_of(fakes_, [](const auto& one) { return one.second->connections() > 0; });
  }));
  ASSERT_NO_FATAL_FAILURE(real_guest_is_unharmed());
  for (const auto& [name, count] : connections()) EXPECT_EQ(count, 1u) << name;
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

TEST_F(AgentFaults, MonitorsThatNeverStopTelling) {
  ASSERT_NO_FATAL_FAILURE(watch_real_guest());
  const MemoryRange memory(agent_.pid());
  const auto before = memory.most();
  const auto event = [](const char* name) {
    return fmt::format(R"({{"timestamp": {{"seconds": 1, "microseconds": 2}}, "event": "{}", "data": {{}}}})"
                       "\r\n",
                       name);
  };
  // As fast as they are taken, between right answers.
  fake("flood", [=](auto& peer) {
    std::string many;
    for (int i = 0; i < 1000; ++i) many += event("NIC_RX_FILTER_CHANGED");
    if (!peer.greet()) return;
    while (peer.send(many))
      while (const auto command = peer.command_at_hand())
        peer.reply(*command, plausible_answer(*command).value_or(Json::object()));
  });
  fake("resets", [=](auto& peer) {
    if (!peer.greet()) return;
    while (peer.stay(milliseconds(1)) && peer.send(event("RESET")) && peer.send(event("STOP")) &&
           peer.send(event("RESUME")))
      while (const auto command = peer.command_at_hand())
        peer.reply(*command, plausible_answer(*command).value_or(Json::object()));
  });
  ASSERT_TRUE(Agent::comes_true([&] {
    return agent_.guest("resets")["ticks"].get<int>() > 0 && fakes_["flood"]->sent() > 2u << 20;
  })) << agent_.log();
  ASSERT_NO_FATAL_FAILURE(real_guest_is_unharmed());
  const double busy = load(seconds(3));
  std::cout << fmt::format("{:.0f} % of a core, {:.0f} MiB at most, {:.0f} before\n", 100 * busy,
                           memory.most(), before);
  EXPECT_LT(busy, 0.6);
  EXPECT_LT(memory.most(), before + 96);
  for (const auto& [name, count] : connections()) EXPECT_EQ(count, 1u) << name;
  // A guest that resets itself over and over is told of once.
  const std::string log = agent_.log();
  EXPECT_LT(std::ranges::count(log, '\n'), 40) << log;
  fakes_.clear();  // the agent would wait for its slow answers
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

/// The packaged service's way: another user than root, with the one capability that it needs to read QEMU.
TEST_F(AgentFaults, SocketsThatCannotBeReadAndWhatIsNone) {
  constexpr unsigned kNobody = 65534;
  const std::string nobody = std::to_string(kNobody);
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to start the agent as another user";
  std::filesystem::create_directories(folder_.file("vm"));
  std::filesystem::create_directories(folder_.file("state"));
  for (const std::string& path : {folder_.path(), folder_.file("state")})
    ASSERT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
  ASSERT_EQ(::chmod(guest_->folder().path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(guest_->monitor_socket().c_str(), 0666), 0);
  agent_.start_under({"setpriv", "--reuid=" + nobody, "--regid=" + nobody, "--clear-groups",
                      "--inh-caps=+sys_ptrace", "--ambient-caps=+sys_ptrace", "--"});
  configure({});
  ASSERT_EQ(::chmod(folder_.file("ringside.yaml").c_str(), 0644), 0);

  fake("unreadable", [](auto& peer) { converse(peer, plausible_answer); });
  ASSERT_EQ(::chmod(folder_.file("vm/unreadable.qmp").c_str(), 0), 0);
  ASSERT_EQ(::mkfifo(folder_.file("vm/fifo.qmp").c_str(), 0666), 0);
  std::filesystem::create_directory(folder_.file("vm/directory.qmp"));
  std::filesystem::create_symlink("/nowhere", folder_.file("vm/dangling.qmp"));
  std::filesystem::create_symlink("loop.qmp", folder_.file("vm/loop.qmp"));
  std::ofstream(folder_.file("vm/file.qmp")) << "no socket";
  ASSERT_NO_FATAL_FAILURE(watch_real_guest());
  each_says("retry", {{"unreadable", "Permission denied"}});
  is_patient(seconds(1), 0);
  EXPECT_FALSE(agent_.guest("real")["baseline"].is_null()) << agent_.log();
  EXPECT_EQ(agent_.guests().size(), 2u) << agent_.guests().dump(2);  // the others are none
  ASSERT_NO_FATAL_FAILURE(real_guest_is_unharmed());

  // What becomes readable, or a monitor, is one.
  ASSERT_EQ(::chmod(folder_.file("vm/unreadable.qmp").c_str(), 0666), 0);
  std::filesystem::remove(folder_.file("vm/fifo.qmp"));
  fake("fifo", [](auto& peer) { peer.send("garbage"); });
  ASSERT_EQ(::chmod(folder_.file("vm/fifo.qmp").c_str(), 0666), 0);
  ASSERT_TRUE(Agent::comes_true([&] { return fakes_["unreadable"]->connections() > 0; })) << agent_.log();
  ASSERT_TRUE(Agent::comes_true([&] { return agent_.state_of("fifo") == "retry"; })) << agent_.log();
  EXPECT_EQ(agent_.guest("real")["since"], since_);
  ASSERT_NO_FATAL_FAILURE(agent_.stop());
}

}  // namespace
}  // namespace ringside::lab
