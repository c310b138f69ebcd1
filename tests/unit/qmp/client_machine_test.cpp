// SPDX-License-Identifier: Apache-2.0
#include "qmp/client_machine.h"

#include <gmock/gmock.h>

namespace ringside::qmp {
namespace {

using CallState = ClientMachine::CallState;
using ::testing::HasSubstr;

constexpr std::string_view kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}})";

std::string reply_to(std::uint64_t id, const std::string& value = "{}") {
  return "{\"return\": " + value + ", \"id\": " + std::to_string(id) + "}\r\n";
}
std::string error_to(std::uint64_t id) {
  return R"({"error": {"class": "GenericError", "desc": "no"}, "id": )" + std::to_string(id) + "}\r\n";
}

/// A machine whose first id is 100, with what a test wants to ask of it.
class QmpMachine : public ::testing::Test {
 protected:
  void make(std::size_t window) { machine_.emplace(ClientMachine::Options{1 << 20, window, 100}); }
  ClientMachine& machine() {
    if (!machine_) make(1);
    return *machine_;
  }
  void receive(std::string_view text) { machine().receive(as_bytes(text)); }
  void negotiate() {
    receive(kGreeting);
    ASSERT_TRUE(machine().next_write());
    receive(reply_to(100));
    ASSERT_TRUE(std::holds_alternative<ClientMachine::Ready>(machine().next_action().value()));
  }
  std::uint64_t submit(std::string_view command = "query-status") {
    return machine().submit(command, Json::object()).value();
  }
  /// The next action, which must be that a call has finished.
  ClientMachine::Finished finished() {
    return std::get<ClientMachine::Finished>(machine().next_action().value());
  }

 private:
  std::optional<ClientMachine> machine_;
};

TEST_F(QmpMachine, NegotiatesCapabilitiesAfterTheGreetingAndThenIsReady) {
  EXPECT_FALSE(machine().next_write());
  EXPECT_FALSE(machine().greeting());
  receive(kGreeting);
  ASSERT_TRUE(machine().greeting());
  EXPECT_EQ(machine().greeting()->major, 7);
  const auto write = machine().next_write();
  ASSERT_TRUE(write);
  EXPECT_EQ(write->bytes, "{\"execute\":\"qmp_capabilities\",\"id\":100}\r\n");
  EXPECT_FALSE(machine().next_action());
  receive(reply_to(100));
  EXPECT_TRUE(std::holds_alternative<ClientMachine::Ready>(machine().next_action().value()));
}

TEST_F(QmpMachine, ACallWaitsForNegotiationIsSentAndIsDone) {
  const auto id = submit();
  EXPECT_EQ(machine().state(id), CallState::waiting);
  EXPECT_FALSE(machine().next_write());
  negotiate();
  const auto write = machine().next_write();
  ASSERT_TRUE(write);
  EXPECT_EQ(write->id, id);
  EXPECT_EQ(write->bytes, "{\"execute\":\"query-status\",\"id\":101}\r\n");
  EXPECT_EQ(machine().state(id), CallState::sent);
  receive(reply_to(id, "42"));
  EXPECT_EQ(machine().state(id), CallState::done);
  const auto call = finished();
  EXPECT_EQ(call.id, id);
  EXPECT_EQ(call.result.value(), 42);
}

TEST_F(QmpMachine, TheNextCommandIsSentWhenTheLastWasAnswered) {
  negotiate();
  const auto first = submit(), second = submit();
  EXPECT_EQ(machine().next_write()->id, first);
  EXPECT_FALSE(machine().next_write());
  receive(reply_to(first));
  EXPECT_EQ(machine().next_write()->id, second);
}

TEST_F(QmpMachine, RepliesMayComeInAnyOrder) {
  make(3);
  negotiate();
  const std::array ids{submit(), submit(), submit()};
  for (const auto id : ids) EXPECT_EQ(machine().next_write()->id, id);
  receive(reply_to(ids[2], "2") + reply_to(ids[0], "0") + error_to(ids[1]));
  for (const std::size_t i : {2, 0}) {
    const auto call = finished();
    EXPECT_EQ(call.id, ids.at(i));
    EXPECT_EQ(call.result.value(), i);
  }
  EXPECT_EQ(finished().result.error().code, Errc::peer_error);
}

TEST_F(QmpMachine, AnErrorReplyStartsWithItsClass) {
  negotiate();
  const auto id = submit();
  machine().next_write();
  receive(error_to(id));
  const auto call = finished();
  EXPECT_EQ(call.result.error().code, Errc::peer_error);
  EXPECT_EQ(call.result.error().message, "GenericError: no");
}

TEST_F(QmpMachine, AnErrorReplyWithoutIdIsForTheOldestCommand) {
  make(2);
  negotiate();
  const auto first = submit(), second = submit();
  machine().next_write();
  machine().next_write();
  receive(R"({"error": {"class": "GenericError", "desc": "Invalid JSON syntax"}})");
  EXPECT_EQ(finished().id, first);
  EXPECT_EQ(machine().state(second), CallState::sent);
}

TEST_F(QmpMachine, AnErrorReplyWithoutIdAndWithoutACommandIsDropped) {
  negotiate();
  receive(R"({"error": {"class": "GenericError", "desc": "Invalid JSON syntax"}})");
  EXPECT_FALSE(machine().next_action());
  EXPECT_EQ(machine().dropped_replies(), 1U);
}

TEST_F(QmpMachine, ACallAbandonedWhileItWaitsIsNeverSent) {
  negotiate();
  const auto first = submit(), second = submit("stop"), third = submit();
  machine().next_write();
  machine().abandon(second);
  EXPECT_EQ(machine().state(second), CallState::done);
  receive(reply_to(first));
  EXPECT_EQ(machine().next_write()->id, third);
}

TEST_F(QmpMachine, TheReplyToAnAbandonedCallIsConsumedAndDropped) {
  negotiate();
  const auto slow = submit(), next = submit();
  machine().next_write();
  machine().abandon(slow);
  EXPECT_EQ(machine().state(slow), CallState::abandoned);
  EXPECT_FALSE(machine().next_write());  // QEMU is still busy with it
  receive(reply_to(slow));
  EXPECT_FALSE(machine().next_action());
  EXPECT_EQ(machine().dropped_replies(), 1U);
  EXPECT_EQ(machine().next_write()->id, next);
  receive(reply_to(next));
  EXPECT_EQ(finished().id, next);
}

TEST_F(QmpMachine, AnswersThatNobodyAskedForEndTheConnectionInTheEnd) {
  negotiate();
  for (std::size_t i = 0; i < ClientMachine::kMostStrange; ++i)
    receive(i % 2 == 0 ? reply_to(7) : error_to(8));
  EXPECT_FALSE(machine().ended());
  const auto id = submit();
  receive(reply_to(9));
  ASSERT_TRUE(machine().ended());
  const auto last = finished();
  EXPECT_EQ(last.id, id);
  EXPECT_THAT(last.result.error().message, HasSubstr("nobody has given"));
}

TEST_F(QmpMachine, TooLongAGreetingIsOversizedAndWhatFollowsItMayBeLonger) {
  receive("{\"QMP\": \"" + std::string(kGreetingBound, 'x'));
  EXPECT_TRUE(machine().ended());
  make(1);
  const auto long_reply =
      "{\"event\": \"X\", \"data\": {\"text\": \"" + std::string(2 * kGreetingBound, 'x') + "\"}}";
  receive(std::string(kGreeting) + long_reply);
  EXPECT_FALSE(machine().ended());
  EXPECT_TRUE(std::holds_alternative<Event>(machine().next_action().value()));
}

TEST_F(QmpMachine, RepliesToAFormerConnectionsCommandsAreDropped) {
  receive(reply_to(7) + error_to(8));
  negotiate();
  const auto id = submit();
  machine().next_write();
  receive(reply_to(9) + reply_to(id) + reply_to(id));
  EXPECT_EQ(finished().id, id);
  EXPECT_FALSE(machine().next_action());
  EXPECT_EQ(machine().dropped_replies(), 4U);
  EXPECT_FALSE(machine().ended());
}

TEST_F(QmpMachine, EventsComeInOrderWithReplies) {
  negotiate();
  const auto id = submit("stop");
  machine().next_write();
  receive(R"({"event": "STOP"})" + reply_to(id) + R"({"event": "RESUME"})");
  EXPECT_EQ(std::get<Event>(machine().next_action().value()).kind, EventKind::stop);
  EXPECT_EQ(finished().id, id);
  EXPECT_EQ(std::get<Event>(machine().next_action().value()).kind, EventKind::resume);
}

TEST_F(QmpMachine, ASecondGreetingEndsTheConnection) {
  negotiate();
  receive(kGreeting);
  EXPECT_TRUE(machine().ended());
  EXPECT_EQ(std::get<ClientMachine::Ended>(machine().next_action().value()).why.code, Errc::malformed);
}

TEST_F(QmpMachine, ARefusedNegotiationEndsTheConnection) {
  receive(kGreeting);
  machine().next_write();
  receive(error_to(100));
  const auto why = std::get<ClientMachine::Ended>(machine().next_action().value()).why;
  EXPECT_EQ(why.code, Errc::peer_error);
  EXPECT_THAT(why.message, HasSubstr("negotiating capabilities"));
}

TEST_F(QmpMachine, GarbageFinishesEveryCallAsMalformed) {
  negotiate();
  const auto sent = submit(), waiting = submit();
  machine().next_write();
  receive("garbage");
  for (const auto id : {sent, waiting}) {
    const auto call = finished();
    EXPECT_EQ(call.id, id);
    EXPECT_EQ(call.result.error().code, Errc::malformed);
  }
}

TEST_F(QmpMachine, NothingHappensAfterTheEnd) {
  negotiate();
  machine().end({Errc::closed, "gone", {}});
  machine().end({Errc::io, "again", {}});
  EXPECT_EQ(std::get<ClientMachine::Ended>(machine().next_action().value()).why.message, "gone");
  receive(R"({"event": "STOP"})");
  EXPECT_FALSE(machine().next_action());
  const auto call = machine().submit("query-status", Json::object());
  EXPECT_EQ(call.error().code, Errc::closed);
  EXPECT_THAT(call.error().message, HasSubstr("gone"));
}

TEST_F(QmpMachine, ACommandThatCannotBeEncodedLeavesTheQueueAlone) {
  negotiate();
  EXPECT_EQ(machine().submit("x", {{"a", "\xff"}}).error().code, Errc::invalid_argument);
  EXPECT_FALSE(machine().next_write());
}

/// A connection's whole life as steps. Runs it once as it is, then once more for every step at which the
/// stream may fail, and checks that every call has finished exactly once, with its reply or with the failure.
class QmpMachineScript : public ::testing::TestWithParam<std::size_t> {};

TEST_P(QmpMachineScript, AFailureAtAnyStepFinishesEveryCallOnce) {
  const std::size_t window = GetParam();
  constexpr std::uint64_t kAbandoned = 102;
  using Step = std::function<void(ClientMachine&)>;
  const auto receives = [](std::string text) -> Step {
    return [text = std::move(text)](ClientMachine& machine) { machine.receive(as_bytes(text)); };
  };
  const Step submits = [](ClientMachine& machine) { (void)machine.submit("query-status", Json::object()); };
  const Step writes = [](ClientMachine& machine) {
    while (machine.next_write()) continue;
  };
  const Step abandons = [](ClientMachine& machine) { machine.abandon(kAbandoned); };
  const std::string greeting(kGreeting);
  const std::vector<Step> script{receives(greeting.substr(0, 40)),
                                 submits,
                                 receives(greeting.substr(40)),
                                 writes,
                                 submits,
                                 receives(reply_to(100)),
                                 writes,
                                 submits,
                                 receives(reply_to(101)),
                                 writes,
                                 receives(R"({"event": "RESET"})"),
                                 abandons,
                                 receives(error_to(102)),
                                 writes,
                                 receives(reply_to(103).substr(0, 10)),
                                 receives(reply_to(103).substr(10))};

  for (std::size_t failing = 0; failing <= script.size(); ++failing) {
    SCOPED_TRACE(failing);
    ClientMachine machine({1 << 20, window, 100});
    std::map<std::uint64_t, int> finishes;
    bool ended = false;
    for (std::size_t step = 0; step <= script.size(); ++step) {
      if (step == failing) machine.end({Errc::closed, "injected", {}});
      if (step < script.size()) script[step](machine);
      while (auto action = machine.next_action()) {
        if (const auto* call = std::get_if<ClientMachine::Finished>(&*action)) {
          ++finishes[call->id];
          if (step >= failing) {
            EXPECT_EQ(call->result.error().code, Errc::closed);
          }
        }
        if (std::holds_alternative<ClientMachine::Ended>(*action)) ended = true;
      }
    }
    EXPECT_TRUE(ended);
    EXPECT_FALSE(machine.next_write());
    // Submitted at steps 1, 4 and 7; the second is abandoned at step 11.
    const auto expected = [&](std::size_t submitted) { return submitted < failing ? 1 : 0; };
    EXPECT_EQ(finishes[101], expected(1));
    EXPECT_EQ(finishes[103], expected(7));
    EXPECT_EQ(finishes[102], failing > 11 ? 0 : expected(4));
  }
}

INSTANTIATE_TEST_SUITE_P(Windows, QmpMachineScript, ::testing::Values(1, 8));

}  // namespace
}  // namespace ringside::qmp
