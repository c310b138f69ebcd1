// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/session_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace ringside::gdbstub {
namespace {

const std::string kConnectStop = encode_packet("T02thread:01;");
const std::string kStop = encode_packet("T05thread:p01.01;");

std::string answered(std::string_view payload) {
  return "+" + encode_packet(payload);
}

Errc code(const Result<void>& outcome) {
  EXPECT_FALSE(outcome);
  return outcome ? Errc::io : outcome.error().code;
}

TEST(SessionMachine, SendsARequestAndGivesItsReply) {
  SessionMachine machine;
  ASSERT_TRUE(machine.request("qSupported", Answer::reply));
  EXPECT_TRUE(machine.busy());
  EXPECT_EQ(machine.take_unsent(), encode_packet("qSupported"));
  ASSERT_TRUE(machine.receive("+"));
  EXPECT_TRUE(machine.acknowledged());
  EXPECT_FALSE(machine.take_reply());
  ASSERT_TRUE(machine.receive(encode_packet("PacketSize=1000")));
  EXPECT_EQ(machine.take_unsent(), "+");
  EXPECT_EQ(machine.take_reply(), (Reply{"PacketSize=1000", ""}));
  EXPECT_FALSE(machine.busy());
  EXPECT_FALSE(machine.take_reply()) << "a reply is given once";
}

TEST(SessionMachine, PacketsAreCountedThoseSentAgainToo) {
  const auto before = packets_sent();
  SessionMachine machine;
  ASSERT_TRUE(machine.request("g", Answer::reply));
  ASSERT_TRUE(machine.receive("-"));
  EXPECT_EQ(packets_sent() - before, 2u);
  EXPECT_FALSE(machine.request("m0,4", Answer::reply));
  EXPECT_EQ(packets_sent() - before, 2u) << "one that is refused is not sent";
}

TEST(SessionMachine, HasOneRequestUnderWayAtATime) {
  SessionMachine machine;
  ASSERT_TRUE(machine.request("g", Answer::reply));
  EXPECT_EQ(code(machine.request("m0,4", Answer::reply)), Errc::invalid_argument);
  ASSERT_TRUE(machine.receive(answered("00")));
  EXPECT_EQ(code(machine.request("m0,4", Answer::reply)), Errc::invalid_argument)
      << "the reply was not taken";
  machine.take_reply();
  EXPECT_TRUE(machine.request("m0,4", Answer::reply));
}

TEST(SessionMachine, NeverTakesAStopReplyForTheReplyToARequest) {
  for (const std::string stop : {"T02thread:01;", "S05", "W00", "X09"}) {
    for (const bool before_acknowledgement : {true, false}) {
      SessionMachine machine;
      ASSERT_TRUE(machine.request("m0,4", Answer::reply));
      if (!before_acknowledgement) {
        ASSERT_TRUE(machine.receive("+"));
      }
      ASSERT_TRUE(machine.receive(encode_packet(stop)));
      EXPECT_TRUE(machine.busy());
      EXPECT_FALSE(machine.take_reply());
      if (before_acknowledgement) {
        ASSERT_TRUE(machine.receive("+"));
      }
      ASSERT_TRUE(machine.receive(encode_packet("53ff00f0")));
      EXPECT_EQ(machine.take_reply(), (Reply{"53ff00f0", ""}));
      EXPECT_EQ(machine.take_unasked_stop(), stop);
      EXPECT_EQ(machine.take_unasked_stop(), std::nullopt);
    }
  }
}

TEST(SessionMachine, TellsTheStopOfAConnectionFromTheAnswerToAQuestionForIt) {
  SessionMachine machine;
  ASSERT_TRUE(machine.request("?", Answer::stop));
  ASSERT_TRUE(machine.receive(kConnectStop + "+" + kStop));  // as QEMU 7.2 sends it
  EXPECT_EQ(machine.take_reply(), (Reply{"T05thread:p01.01;", ""}));
  EXPECT_EQ(machine.take_unasked_stop(), "T02thread:01;");
  EXPECT_EQ(machine.take_unsent(), encode_packet("?") + "++");
}

TEST(SessionMachine, KeepsAStopReplyThatComesWhileNothingIsAsked) {
  SessionMachine machine;
  ASSERT_TRUE(machine.receive(kConnectStop));
  EXPECT_EQ(machine.take_unsent(), "+");
  EXPECT_EQ(machine.take_unasked_stop(), "T02thread:01;");
}

TEST(SessionMachine, LetsTheTargetRunUntilItStops) {
  SessionMachine machine;
  ASSERT_TRUE(machine.request("vCont;c", Answer::stop));
  EXPECT_TRUE(machine.running());
  EXPECT_EQ(code(machine.interrupt()), Errc::invalid_argument) << "QEMU may not have the request yet";
  machine.take_unsent();
  ASSERT_TRUE(machine.receive("+"));
  EXPECT_TRUE(machine.acknowledged());
  EXPECT_EQ(code(machine.request("g", Answer::reply)), Errc::invalid_argument);
  EXPECT_EQ(machine.take_unsent(), "") << "any byte would stop the guest";
  ASSERT_TRUE(machine.interrupt());
  EXPECT_EQ(machine.take_unsent(), "\x03");
  ASSERT_TRUE(machine.receive(kConnectStop));
  EXPECT_FALSE(machine.running());
  EXPECT_EQ(machine.take_reply(), (Reply{"T02thread:01;", ""}));
  EXPECT_EQ(code(machine.interrupt()), Errc::invalid_argument);
}

TEST(SessionMachine, GivesTheErrorOfARequestToRun) {
  SessionMachine machine;
  ASSERT_TRUE(machine.request("vCont;s:p9.9", Answer::stop));
  ASSERT_TRUE(machine.receive(answered("E22")));
  EXPECT_EQ(machine.take_reply(), (Reply{"E22", ""}));
  EXPECT_FALSE(machine.running());
}

TEST(SessionMachine, CollectsConsoleOutputUntilTheReply) {
  SessionMachine machine;
  ASSERT_TRUE(machine.request("qRcmd,696e666f20737461747573", Answer::reply));
  ASSERT_TRUE(machine.receive("+$O564d207374617475733a20#ab"));  // damaged: asked for again
  EXPECT_EQ(machine.take_unsent(), encode_packet("qRcmd,696e666f20737461747573") + "-");
  ASSERT_TRUE(machine.receive(encode_packet("O564d207374617475733a20") + encode_packet("O7061757365640d0a") +
                              encode_packet("O") + encode_packet("OK")));
  EXPECT_EQ(machine.take_reply(), (Reply{"OK", "VM status: paused\r\n"}));
  EXPECT_EQ(machine.take_unsent(), "++++");

  ASSERT_TRUE(machine.request("g", Answer::reply));
  ASSERT_TRUE(machine.receive(answered("00")));
  EXPECT_EQ(machine.take_reply(), (Reply{"00", ""})) << "output belongs to one request";
}

TEST(SessionMachine, BoundsConsoleOutput) {
  SessionMachine machine;
  ASSERT_TRUE(machine.request("qRcmd,00", Answer::reply));
  ASSERT_TRUE(machine.receive("+"));
  const std::string kilobytes = encode_packet("O" + std::string(64'000, '4'));
  Result<void> outcome;
  std::size_t sent = 0;
  for (; outcome && sent <= 2 * SessionMachine::kMaxOutput; sent += 32'000)
    outcome = machine.receive(kilobytes);
  EXPECT_EQ(code(outcome), Errc::oversized);
}

TEST(SessionMachine, DropsOutputThatNobodyWaitsFor) {
  SessionMachine machine;
  ASSERT_TRUE(machine.receive(encode_packet("O4142")));
  ASSERT_TRUE(machine.request("vCont;c", Answer::stop));
  ASSERT_TRUE(machine.receive("+" + encode_packet("O4142") + kStop));
  EXPECT_EQ(machine.take_reply(), (Reply{"T05thread:p01.01;", ""}));
}

TEST(SessionMachine, SendsAPacketAgainThatTheStubRefuses) {
  SessionMachine machine;
  ASSERT_TRUE(machine.request("g", Answer::reply));
  for (int i = 0; i <= SessionMachine::kMaxRetries; ++i) {
    EXPECT_EQ(machine.take_unsent(), encode_packet("g"));
    if (i < SessionMachine::kMaxRetries) {
      ASSERT_TRUE(machine.receive("-"));
    }
  }
  EXPECT_EQ(code(machine.receive("-")), Errc::malformed);
  EXPECT_TRUE(machine.failed());
}

TEST(SessionMachine, NeverSendsAgainWhatTheStubHasAcknowledged) {
  SessionMachine machine;
  ASSERT_TRUE(machine.request("M0,1:00", Answer::reply));
  machine.take_unsent();
  ASSERT_TRUE(machine.receive("+-"));
  EXPECT_EQ(machine.take_unsent(), "");
}

TEST(SessionMachine, AsksAgainForADamagedReplyButNotForEver) {
  SessionMachine machine;
  ASSERT_TRUE(machine.request("g", Answer::reply));
  machine.take_unsent();
  ASSERT_TRUE(machine.receive("+$00#00$00#00$00#00"));
  EXPECT_EQ(machine.take_unsent(), "---");
  ASSERT_TRUE(machine.receive("$00#60"));
  EXPECT_EQ(machine.take_reply(), (Reply{"00", ""}));

  ASSERT_TRUE(machine.request("g", Answer::reply));
  EXPECT_EQ(code(machine.receive("+$00#00$00#00$00#00$00#00")), Errc::malformed);
}

TEST(SessionMachine, RefusesRepliesToNothing) {
  SessionMachine idle;
  EXPECT_EQ(code(idle.receive(encode_packet("OK"))), Errc::malformed);
  SessionMachine unacknowledged;
  ASSERT_TRUE(unacknowledged.request("g", Answer::reply));
  EXPECT_EQ(code(unacknowledged.receive(encode_packet("00"))), Errc::malformed);
  SessionMachine twice;
  ASSERT_TRUE(twice.request("g", Answer::reply));
  EXPECT_EQ(code(twice.receive(answered("00") + encode_packet("00"))), Errc::malformed);
}

/// One exchange after the other, as they go on a real connection, through `machine`.
struct Step {
  std::string request;
  Answer answer;
  std::string stream;  ///< what the stub sends for it
  Reply reply;
};

const std::vector<Step>& conversation() {
  static const std::vector<Step> steps = {
      {"qSupported", Answer::reply, kConnectStop + answered("PacketSize=1000"), {"PacketSize=1000", ""}},
      {"?", Answer::stop, "+" + kStop, {"T05thread:p01.01;", ""}},
      {"Qqemu.PhyMemMode:1", Answer::reply, answered("OK"), {"OK", ""}},
      {"m1000000,4", Answer::reply, answered("53ff00f0"), {"53ff00f0", ""}},
      {"m0,801", Answer::reply, answered("E22"), {"E22", ""}},
      {"qRcmd,00", Answer::reply, "+" + encode_packet("O41") + encode_packet("OK"), {"OK", "A"}},
      {"vCont;c", Answer::stop, "+" + kStop, {"T05thread:p01.01;", ""}},
      {"D;1", Answer::reply, answered("OK"), {"OK", ""}},
  };
  return steps;
}

TEST(SessionMachine, GoesThroughAConversationHoweverItIsSplit) {
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 4096U}) {
    SessionMachine machine;
    for (const auto& step : conversation()) {
      ASSERT_TRUE(machine.request(step.request, step.answer));
      for (std::size_t at = 0; at < step.stream.size(); at += piece)
        ASSERT_TRUE(machine.receive(std::string_view(step.stream).substr(at, piece)));
      EXPECT_EQ(machine.take_reply(), step.reply) << step.request;
    }
  }
}

TEST(SessionMachine, EndsAtAFailureAtAnyByteOfAConversation) {
  const auto& steps = conversation();
  // What may go wrong after any byte: the stream ends, or bytes come that the protocol does not allow there.
  const std::vector<std::function<void(SessionMachine&)>> failures = {
      [](SessionMachine& machine) { machine.abandon(); },
      [](SessionMachine& machine) { ASSERT_FALSE(machine.receive("$$$" + std::string(70'000, 'x'))); },
      [](SessionMachine& machine) {
        // The first of these may be eaten by a checksum under way.
        ASSERT_FALSE(machine.receive(encode_packet("Ozz") + encode_packet("Ozz")));
      },
  };
  for (const auto& inject : failures) {
    for (std::size_t bad = 0; bad < steps.size(); ++bad) {
      for (std::size_t at = 0; at <= steps[bad].stream.size(); ++at) {
        SessionMachine machine;
        for (std::size_t i = 0; i < bad; ++i) {
          ASSERT_TRUE(machine.request(steps[i].request, steps[i].answer));
          ASSERT_TRUE(machine.receive(steps[i].stream));
          machine.take_reply();
        }
        ASSERT_TRUE(machine.request(steps[bad].request, steps[bad].answer));
        ASSERT_TRUE(machine.receive(std::string_view(steps[bad].stream).substr(0, at)));
        inject(machine);
        EXPECT_TRUE(machine.failed());
        EXPECT_FALSE(machine.busy());
        EXPECT_FALSE(machine.take_reply()) << "a reply of a failed conversation is not to be trusted";
        EXPECT_EQ(code(machine.request("g", Answer::reply)), Errc::closed);
        EXPECT_EQ(code(machine.receive("+")), Errc::closed);
        EXPECT_EQ(code(machine.interrupt()), Errc::closed);
      }
    }
  }
}

}  // namespace
}  // namespace ringside::gdbstub
