// SPDX-License-Identifier: Apache-2.0
#include "qmp/codec.h"

#include <gmock/gmock.h>

namespace ringside::qmp {
namespace {

using ::testing::HasSubstr;

// As QEMU 7.2 sends them.
constexpr std::string_view kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, )"
    R"("package": "Debian 1:7.2+dfsg-7+deb12u18"}, "capabilities": ["oob"]}})"
    "\r\n";
constexpr std::string_view kStopEvent =
    R"({"timestamp": {"seconds": 1795441683, "microseconds": 261764}, "event": "STOP"})"
    "\r\n";
constexpr std::string_view kReply = R"({"return": {"text": "a \"{[\\ quoted\r\n"}, "id": 7})"
                                    "\r\n";
constexpr std::string_view kErrorReply =
    R"({"id": 8, "error": {"class": "CommandNotFound", "desc": "The command foo has not been found"}})"
    "\r\n";

/// Everything that `decoder` has to say, an error last.
std::vector<Result<Message>> drain(Decoder& decoder) {
  std::vector<Result<Message>> messages;
  for (;;) {
    auto message = decoder.next();
    if (!message) {
      messages.emplace_back(fail(message.error()));
      return messages;
    }
    if (!*message) return messages;
    messages.emplace_back(std::move(**message));
  }
}

std::vector<Result<Message>> decode(std::string_view text, std::size_t bound = 1 << 20) {
  Decoder decoder(bound);
  decoder.feed(as_bytes(text));
  return drain(decoder);
}

Errc error_of(std::string_view text, std::size_t bound = 1 << 20) {
  const auto messages = decode(text, bound);
  return messages.empty() || messages.back() ? Errc{} : messages.back().error().code;
}

void expect_the_four_messages(const std::vector<Result<Message>>& messages) {
  ASSERT_EQ(messages.size(), 4U);
  for (const auto& message : messages) ASSERT_TRUE(message) << message.error().message;
  const auto& greeting = std::get<Greeting>(*messages[0]);
  EXPECT_EQ(greeting.major, 7);
  EXPECT_EQ(greeting.minor, 2);
  EXPECT_EQ(greeting.micro, 22);
  EXPECT_EQ(greeting.package, "Debian 1:7.2+dfsg-7+deb12u18");
  EXPECT_TRUE(greeting.oob);
  const auto& event = std::get<Event>(*messages[1]);
  EXPECT_EQ(event.kind, EventKind::stop);
  EXPECT_EQ(event.name, "STOP");
  EXPECT_EQ(event.timestamp.count(), 1795441683261764);
  EXPECT_TRUE(event.data.is_null());
  const auto& reply = std::get<Reply>(*messages[2]);
  EXPECT_EQ(reply.id, 7U);
  EXPECT_EQ(reply.value["text"], "a \"{[\\ quoted\r\n");
  const auto& error = std::get<ErrorReply>(*messages[3]);
  EXPECT_EQ(error.id, 8U);
  EXPECT_EQ(error.error_class, "CommandNotFound");
}

const std::string kFour =
    std::string(kGreeting) + std::string(kStopEvent) + std::string(kReply) + std::string(kErrorReply);

TEST(QmpDecoder, ReadsGreetingEventReplyAndError) {
  expect_the_four_messages(decode(kFour));
}

TEST(QmpDecoder, ASplitAtAnyPositionChangesNothing) {
  for (std::size_t split = 0; split <= kFour.size(); ++split) {
    Decoder decoder(1 << 20);
    decoder.feed(as_bytes(std::string_view(kFour).substr(0, split)));
    auto messages = drain(decoder);
    decoder.feed(as_bytes(std::string_view(kFour).substr(split)));
    for (auto& message : drain(decoder)) messages.push_back(std::move(message));
    SCOPED_TRACE(split);
    expect_the_four_messages(messages);
  }
}

TEST(QmpDecoder, BytesMayComeOneByOne) {
  Decoder decoder(1 << 20);
  std::vector<Result<Message>> messages;
  for (const char& c : kFour) {
    decoder.feed(as_bytes(std::string_view(&c, 1)));
    for (auto& message : drain(decoder)) messages.push_back(std::move(message));
  }
  expect_the_four_messages(messages);
}

TEST(QmpDecoder, ReadsAMonitorInPrettyMode) {
  const auto messages =
      decode("{\r\n    \"return\": {\r\n        \"status\": \"}\"\r\n    },\r\n    \"id\": 1\r\n}\r\n");
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(std::get<Reply>(*messages[0]).value["status"], "}");
}

TEST(QmpDecoder, KnowsTheEventsThatRingsideActsOn) {
  const auto kind = [](const std::string& name) {
    return std::get<Event>(*decode(R"({"event": ")" + name + R"("})").at(0)).kind;
  };
  EXPECT_EQ(kind("RESET"), EventKind::reset);
  EXPECT_EQ(kind("STOP"), EventKind::stop);
  EXPECT_EQ(kind("RESUME"), EventKind::resume);
  EXPECT_EQ(kind("SHUTDOWN"), EventKind::shutdown);
  EXPECT_EQ(kind("NIC_RX_FILTER_CHANGED"), EventKind::other);
}

TEST(QmpDecoder, EventsKeepTheirData) {
  const auto messages = decode(R"({"event": "SHUTDOWN", "data": {"guest": true}, "timestamp": {}})");
  EXPECT_EQ(std::get<Event>(*messages.at(0)).data["guest"], true);
}

TEST(QmpDecoder, ATimeThatQemuCouldNotTellOrThatIsAbsurdIsZero) {
  for (const char* time :
       {R"({"seconds": -1, "microseconds": -1})", R"({"seconds": 18446744073709551615, "microseconds": 0})",
        R"({"seconds": 1, "microseconds": 1000000})", R"({"seconds": "x"})", "3", "null"}) {
    const auto messages = decode(R"({"event": "STOP", "timestamp": )" + std::string(time) + "}");
    ASSERT_TRUE(messages.at(0)) << time;
    EXPECT_EQ(std::get<Event>(*messages[0]).timestamp.count(), 0) << time;
  }
}

TEST(QmpDecoder, AnErrorReplyMayLackTheId) {
  const auto messages = decode(R"({"error": {"class": "GenericError", "desc": "Invalid JSON syntax"}})");
  EXPECT_EQ(std::get<ErrorReply>(*messages.at(0)).id, std::nullopt);
}

TEST(QmpDecoder, WhatIsNoMessageIsMalformed) {
  for (const char* text : {"QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) ",
                           "[1]",
                           "}",
                           "+$qSupported#37",
                           "\x7f"
                           "ELF",
                           "{]",
                           "{\"a\" 1}",
                           "{\"return\": {}}",
                           "{\"return\": {}, \"id\": -1}",
                           "{\"return\": {}, \"id\": \"1\"}",
                           "{\"QMP\": {}}",
                           "{\"QMP\": 3}",
                           "{\"QMP\": {\"version\": []}}",
                           "{\"event\": 1}",
                           "{\"error\": {}}",
                           "{\"error\": 3, \"id\": 1}",
                           "{\"id\": 1}",
                           "{}",
                           "{\"return\": \"\xff\", \"id\": 1}",
                           "{\"return\": \"\n\", \"id\": 1}",
                           "{\"return\": 1e999, \"id\": 1}"})
    EXPECT_EQ(error_of(text), Errc::malformed) << text;
}

TEST(QmpDecoder, AMalformedMessageIsShownPrintableAndShort) {
  const auto messages = decode("QEMU 7.2.22 monitor\x1b[0m - type 'help' for more information and so on\r\n");
  EXPECT_THAT(messages.back().error().message, HasSubstr("'QEMU 7.2.22 monitor.[0m"));
  EXPECT_THAT(messages.back().error().message, HasSubstr("...'"));
  EXPECT_THAT(messages.back().error().hint, HasSubstr("QMP monitor"));
}

TEST(QmpDecoder, MessagesBeforeAMalformedOneAreStillGiven) {
  const auto messages = decode(std::string(kReply) + "garbage");
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_TRUE(messages[0]);
  EXPECT_EQ(messages[1].error().code, Errc::malformed);
}

TEST(QmpDecoder, AnErrorIsFinal) {
  Decoder decoder(1 << 20);
  decoder.feed(as_bytes("garbage"));
  EXPECT_FALSE(decoder.next());
  decoder.feed(as_bytes(kReply));
  EXPECT_EQ(decoder.next().error().code, Errc::malformed);
}

TEST(QmpDecoder, AMessageOfJustTheBoundIsReadAndOneByteMoreIsOversized) {
  const std::string_view message = kReply.substr(0, kReply.size() - 2);
  EXPECT_EQ(decode(message, message.size()).size(), 1U);
  EXPECT_EQ(error_of(message, message.size() - 1), Errc::oversized);
}

TEST(QmpDecoder, AnEndlessMessageIsOversizedBeforeItEnds) {
  Decoder decoder(100);
  decoder.feed(as_bytes("{\"return\": \"" + std::string(60, 'x')));
  EXPECT_TRUE(decoder.next());
  decoder.feed(as_bytes(std::string(60, 'x')));
  EXPECT_EQ(decoder.next().error().code, Errc::oversized);
}

TEST(QmpDecoder, NestingIsBoundedSoThatNothingRecursesTooDeep) {
  const auto nested = [](std::size_t depth) {
    return R"({"id": 1, "return": )" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_TRUE(decode(nested(kDepthBound - 1)).at(0));
  EXPECT_EQ(error_of(nested(kDepthBound)), Errc::malformed);
  EXPECT_EQ(error_of("{\"a\":" + std::string(1 << 20, '['), 4u << 20), Errc::malformed);
}

TEST(QmpDecoder, TheNumberOfValuesIsBoundedSoThatFewBytesDoNotTakeMuchMemory) {
  std::string text = R"({"id": 1, "return": [0)";
  for (std::size_t i = 0; i < kValueBound; ++i) text += ",0";
  EXPECT_EQ(error_of(text + "]}", 64u << 20), Errc::oversized);
}

TEST(QmpEncoder, WritesOneLineACommand) {
  EXPECT_EQ(encode_command("stop", Json::object(), 3).value(), "{\"execute\":\"stop\",\"id\":3}\r\n");
  const std::string line = encode_command("pmemsave", {{"val", 4096}, {"filename", "a\nb"}}, 4).value();
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(Json::parse(line)["arguments"]["filename"], "a\nb");
}

TEST(QmpEncoder, RefusesArgumentsThatJsonCannotCarry) {
  EXPECT_EQ(encode_command("stop", Json::array({1}), 1).error().code, Errc::invalid_argument);
  EXPECT_EQ(encode_command("stop", {{"filename", "\xff"}}, 1).error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace ringside::qmp
