// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/output_dispatcher.h"

#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/outputs/receiver.h"
#include "tests/unit/agent/outputs/some_event.h"

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <fstream>

namespace ringside::agent {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;
using ::testing::HasSubstr;

class OutputDispatcherTest : public ::testing::Test {
 protected:
  OutputDispatcherTest() { open_database(); }
  void open_database() { database_ = StateDatabase::open(directory_.file("agent.db")).value(); }

  OutputConfig& add(const std::string& name, OutputConfig::Kind kind, const std::string& to) {
    OutputConfig config;
    config.name = name;
    config.kind = kind;
    config.to = to;
    config.timeout = 30'000ms;
    outputs_.push_back(config);
    return outputs_.back();
  }
  void start(OutputDispatcher::OpenFindings open = {}) {
    auto started = OutputDispatcher::start(*database_, outputs_, {"hv1", "0.1.0"}, std::move(open), pace_);
    ASSERT_TRUE(started) << started.error().message;
    dispatcher_ = std::move(*started);
  }
  void restart() {
    dispatcher_.reset();
    database_.reset();
    open_database();
    start();
  }
  void tell(int from, int to) {
    for (int i = from; i < to; ++i) {
      const auto done = dispatcher_->enqueue(some_event(i));
      ASSERT_TRUE(done) << done.error().message;
    }
  }
  OutputDispatcher::Statistics of(const std::string& name) {
    const auto all = dispatcher_->statistics().value();
    for (const auto& one : all)
      if (one.name == name) return one;
    throw std::runtime_error("no output " + name);
  }
  template <class Condition>
  void eventually(Condition condition) {
    for (int i = 0; i < 6000 && !condition(); ++i) std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(condition());
  }
  /// The numbers of the events in messages, in order.
  static std::vector<int> numbers(const std::vector<std::string>& messages) {
    std::vector<int> all;
    for (const auto& message : messages) {
      const std::size_t at = message.find("(number ");
      all.push_back(std::stoi(message.substr(at + 8)));
    }
    return all;
  }
  static std::vector<int> from_to(int from, int to) {
    std::vector<int> all;
    for (int i = from; i < to; ++i) all.push_back(i);
    return all;
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<StateDatabase> database_;
  std::vector<OutputConfig> outputs_;
  OutputDispatcher::Pace pace_{10ms, 50ms, 1h};
  std::unique_ptr<OutputDispatcher> dispatcher_;
};

TEST_F(OutputDispatcherTest, EveryOutputGetsEveryEventInOrder) {
  Receiver syslog(take_counted), webhook(take_http([](const std::string&) { return 200u; }));
  const std::string file = directory_.file("events.jsonl");
  add("file", OutputConfig::Kind::json, file);
  add("siem", OutputConfig::Kind::syslog, fmt::format("tcp:127.0.0.1:{}", syslog.port()));
  add("hook", OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}/", webhook.port()));
  start();
  tell(0, 100);
  EXPECT_EQ(numbers(syslog.wait_for(100)), from_to(0, 100));
  EXPECT_EQ(numbers(webhook.wait_for(100)), from_to(0, 100));
  for (const char* name : {"file", "siem", "hook"}) eventually([&] { return of(name).sent == 100; });
  std::ifstream lines(file);
  std::vector<std::string> written;
  for (std::string line; std::getline(lines, line);) written.push_back(line);
  EXPECT_EQ(numbers(written), from_to(0, 100));
  EXPECT_EQ(of("siem").waiting, 0u);
  EXPECT_EQ(of("siem").dropped, 0u);
  EXPECT_FALSE(of("siem").failing);
}

TEST_F(OutputDispatcherTest, WhatHappensWhileAReceiverIsAwayReachesItOnceAndHoldsUpNoOther) {
  Receiver away(take_http([](const std::string&) { return 200u; })), there(take_counted);
  add("away", OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}/", away.port()));
  add("there", OutputConfig::Kind::syslog, fmt::format("tcp:127.0.0.1:{}", there.port()));
  start();
  tell(0, 5);
  eventually([&] { return of("away").sent == 5; });
  away.stop();
  tell(5, 20);
  EXPECT_EQ(numbers(there.wait_for(20)), from_to(0, 20));
  eventually([&] { return of("away").failing.has_value(); });
  EXPECT_THAT(*of("away").failing, HasSubstr("127.0.0.1"));
  EXPECT_EQ(of("away").waiting, 15u);
  away.start();
  EXPECT_EQ(numbers(away.wait_for(20)), from_to(0, 20));
  eventually([&] { return of("away").sent == 20 && !of("away").failing; });
  EXPECT_EQ(away.messages().size(), 20u);
}

TEST_F(OutputDispatcherTest, SurvivesARestartWithNothingLostAndNothingTwice) {
  Receiver receiver(take_http([](const std::string&) { return 200u; }));
  add("hook", OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}/", receiver.port()));
  start();
  tell(0, 3);
  eventually([&] { return of("hook").sent == 3; });
  receiver.stop();
  tell(3, 10);
  restart();
  tell(10, 12);
  EXPECT_EQ(of("hook").waiting, 9u);
  EXPECT_EQ(of("hook").sent, 3u) << "counters survive too";
  receiver.start();
  EXPECT_EQ(numbers(receiver.wait_for(12)), from_to(0, 12));
  eventually([&] { return of("hook").sent == 12; });
  restart();
  tell(12, 13);
  EXPECT_EQ(numbers(receiver.wait_for(13)), from_to(0, 13));
}

TEST_F(OutputDispatcherTest, AFullQueueDropsTheOldestAndCountsThem) {
  Receiver receiver(take_http([](const std::string&) { return 200u; }));
  receiver.stop();
  add("hook", OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}/", receiver.port())).queue = 10;
  pace_ = {1h, 1h, 1h};  // it fails once, so that one message counts as being sent
  start();
  tell(0, 1);
  eventually([&] { return of("hook").failing.has_value(); });
  tell(1, 50);
  EXPECT_EQ(of("hook").waiting, 10u);
  EXPECT_EQ(of("hook").dropped, 40u);
  receiver.start();
  pace_ = {10ms, 50ms, 1h};
  restart();
  const auto came = numbers(receiver.wait_for(10));
  EXPECT_EQ(came.back(), 49);
  EXPECT_TRUE(std::is_sorted(came.begin(), came.end()));
  eventually([&] { return of("hook").waiting == 0; });
  EXPECT_EQ(of("hook").sent + of("hook").dropped, 50u) << "each is either sent or counted as dropped";
}

TEST_F(OutputDispatcherTest, AnEventIsKeptWithTheFindingThatItIsAboutOrNotAtAll) {
  Receiver receiver(take_http([](const std::string&) { return 200u; }));
  add("hook", OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}/", receiver.port()));
  start();
  const auto undone = database_->transaction([&](SQLite::Database&) -> Result<void> {
    RINGSIDE_CHECK(dispatcher_->enqueue(some_event(1)));
    return fail(Errc::io, "the finding could not be kept");
  });
  EXPECT_FALSE(undone);
  EXPECT_EQ(of("hook").waiting, 0u);
  tell(2, 3);
  EXPECT_EQ(numbers(receiver.wait_for(1)), std::vector<int>{2});
}

TEST_F(OutputDispatcherTest, AMessageThatIsRefusedIsCountedAndTheRestGoesOn) {
  Receiver receiver(
      take_http([](const std::string& body) { return body.find("(number 1)") == body.npos ? 200u : 400u; }));
  add("hook", OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}/", receiver.port()));
  start();
  tell(0, 3);
  EXPECT_EQ(numbers(receiver.wait_for(2)), (std::vector<int>{0, 2}));
  eventually([&] { return of("hook").sent == 2; });
  EXPECT_EQ(of("hook").dropped, 1u);
}

TEST_F(OutputDispatcherTest, WhatWaitsForAnOutputThatIsGoneOrOfAnotherKindIsDroppedAndCounted) {
  Receiver receiver(take_http([](const std::string&) { return 200u; }));
  const std::uint16_t port = receiver.port();
  receiver.stop();
  add("one", OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}/", port));
  add("two", OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}/", port));
  start();
  tell(0, 3);
  dispatcher_.reset();
  outputs_.pop_back();
  outputs_[0].kind = OutputConfig::Kind::json;
  outputs_[0].to = directory_.file("events.jsonl");
  start();
  EXPECT_EQ(of("one").waiting, 0u);
  EXPECT_EQ(of("one").dropped, 3u);
  EXPECT_FALSE(std::filesystem::exists(directory_.file("events.jsonl")));
}

TEST_F(OutputDispatcherTest, AlertmanagerIsToldAgainWhatIsOpen) {
  Receiver receiver(take_http([](const std::string&) { return 200u; }));
  add("am", OutputConfig::Kind::alertmanager, fmt::format("http://127.0.0.1:{}", receiver.port()));
  outputs_[0].at_least = policies::Severity::high;
  pace_.repeat = 10ms;
  std::atomic<bool> open = true;
  start([&]() -> Result<std::vector<FindingRecord>> {
    if (!open) return std::vector<FindingRecord>{};
    auto silenced = *some_event(8).finding, mild = *some_event(9).finding;
    silenced.suppressed_by = "EX-1";
    mild.severity = policies::Severity::medium;
    return std::vector<FindingRecord>{*some_event(7).finding, silenced, mild};
  });
  const auto messages = receiver.wait_for(3);  // nothing was enqueued: all are repetitions
  for (const auto& message : messages) {
    const Json alerts = Json::parse(body_of(message));
    ASSERT_EQ(alerts.size(), 1u) << message;
    EXPECT_EQ(alerts[0]["labels"]["finding"], some_event(7).finding->id);
    EXPECT_FALSE(alerts[0].contains("endsAt"));
  }
  open = false;
  ASSERT_TRUE(dispatcher_->enqueue(some_event(7, AgentEvent::Kind::finding_resolved)));
  eventually([&] {
    const Json last = Json::parse(body_of(receiver.messages().back()));
    return last.size() == 1 && last[0].contains("endsAt");
  });
}

TEST_F(OutputDispatcherTest, EndsAtOnceWhileAReceiverDoesNotAnswer) {
  std::atomic<bool> asked = false;
  Receiver silent([&](std::string&) {
    asked = true;
    return Receiver::Taken{};
  });
  add("hook", OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}/", silent.port())).timeout = 1h;
  start();
  tell(0, 1);
  eventually([&] { return asked.load(); });
  dispatcher_.reset();  // does not wait for an hour
  start();
  EXPECT_EQ(of("hook").waiting, 1u);
}

TEST_F(OutputDispatcherTest, AConfigurationThatMakesNoSenseIsRefused) {
  const auto refused = [&] {
    return !OutputDispatcher::start(*database_, outputs_, {"hv1", "0.1.0"}, {}, pace_);
  };
  add("", OutputConfig::Kind::json, "-");
  EXPECT_TRUE(refused());
  outputs_[0].name = "a";
  EXPECT_FALSE(refused());
  add("a", OutputConfig::Kind::json, "-");
  EXPECT_TRUE(refused());
  outputs_[1].name = "b";
  outputs_[1].queue = 0;
  EXPECT_TRUE(refused());
  outputs_[1] = outputs_[0];
  outputs_[1].name = "b";
  outputs_[1].kind = OutputConfig::Kind::webhook;
  EXPECT_TRUE(refused());
}

}  // namespace
}  // namespace ringside::agent
