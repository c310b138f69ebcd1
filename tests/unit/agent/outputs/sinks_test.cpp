// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/sink.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/outputs/receiver.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace ringside::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Messages = std::vector<std::string>;

std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class Sinks : public ::testing::Test {
 protected:
  std::unique_ptr<Sink> make(OutputConfig::Kind kind, const std::string& to) {
    config_.name = "out";
    config_.kind = kind;
    config_.to = to;
    config_.timeout = std::chrono::seconds(30);
    auto sink = make_sink(config_, loop_);
    if (!sink) throw std::runtime_error(sink.error().message);
    return std::move(*sink);
  }
  bool refused(OutputConfig::Kind kind, const std::string& to) {
    config_.kind = kind;
    config_.to = to;
    return !make_sink(config_, loop_);
  }

  testing::TemporaryDirectory directory_;
  OutputConfig config_;
  io::EventLoop loop_;
};

TEST_F(Sinks, WhatMakesNoSenseIsRefusedBeforeAnythingIsSent) {
  using Kind = OutputConfig::Kind;
  EXPECT_TRUE(refused(Kind::json, ""));
  for (const char* bad : {"", "host:514", "udp:host", "tcp:host:0", "http://h/", "./sock", "unix:/x"})
    EXPECT_TRUE(refused(Kind::syslog, bad)) << bad;
  for (const char* bad : {"", "host:2801", "tcp:h:1", "ftp://h/"})
    EXPECT_TRUE(refused(Kind::webhook, bad)) << bad;
  config_.headers = {{"X-Key", "a\r\nX-Evil: b"}};
  EXPECT_TRUE(refused(Kind::webhook, "http://h/"));
  config_.headers = {{"X Key", "a"}};
  EXPECT_TRUE(refused(Kind::webhook, "http://h/"));
}

TEST_F(Sinks, AFileIsAppendedToAndMadeAnewWhenItWasMovedAway) {
  const std::string path = directory_.file("events.jsonl");
  const auto sink = make(OutputConfig::Kind::json, path);
  EXPECT_EQ(sink->send(Messages{"one", "two"}).taken, 2u);
  std::filesystem::rename(path, path + ".1");
  EXPECT_EQ(sink->send(Messages{"three"}).taken, 1u);
  EXPECT_EQ(contents(path + ".1"), "one\ntwo\n");
  EXPECT_EQ(contents(path), "three\n");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0137u, 0u);
}

TEST_F(Sinks, WhatAProcessBeforeWroteButCouldNotNoteIsNotWrittenAgain) {
  const std::string path = directory_.file("events.jsonl");
  std::ofstream(path) << "one\ntwo\nhalf a li";
  const auto sink = make(OutputConfig::Kind::json, path);
  EXPECT_EQ(sink->send(Messages{"two", "three"}).taken, 2u);
  EXPECT_EQ(contents(path), "one\ntwo\nhalf a li\nthree\n");
  EXPECT_EQ(sink->send(Messages{"three"}).taken, 1u) << "told twice is written twice";
  EXPECT_EQ(contents(path), "one\ntwo\nhalf a li\nthree\nthree\n");
}

TEST_F(Sinks, AFileThatCannotBeWrittenIsAnError) {
  const auto sink = make(OutputConfig::Kind::json, directory_.file("none/events.jsonl"));
  const auto sent = sink->send(Messages{"one"});
  EXPECT_EQ(sent.taken, 0u);
  ASSERT_TRUE(sent.error);
  EXPECT_THAT(sent.error->message, HasSubstr("none/events.jsonl"));
  EXPECT_FALSE(sent.refused);
  const auto full = make(OutputConfig::Kind::json, "/dev/full");
  EXPECT_THAT(full->send(Messages{"one"}).error->message, HasSubstr("No space left"));
}

TEST_F(Sinks, SyslogOverTcpCountsOctetsAndConnectsAgain) {
  Receiver receiver(take_counted);
  const auto sink = make(OutputConfig::Kind::syslog, fmt::format("tcp:127.0.0.1:{}", receiver.port()));
  EXPECT_EQ(sink->send(Messages{"one", "two\nlines"}).taken, 2u);
  EXPECT_THAT(receiver.wait_for(2), ElementsAre("one", "two\nlines"));
  receiver.stop();
  const auto down = sink->send(Messages{"three"});
  EXPECT_EQ(down.taken, 0u);
  EXPECT_TRUE(down.error);
  receiver.start();
  EXPECT_EQ(sink->send(Messages{"three"}).taken, 1u);
  EXPECT_THAT(receiver.wait_for(3), ElementsAre("one", "two\nlines", "three"));
}

TEST_F(Sinks, SyslogOverTlsGoesToAServerThatItTrustsOnly) {
  const auto files = testing::make_certificates(directory_.path().string());
  Receiver receiver(take_counted, io::ListenerTls{files.server, files.server_key, files.ca, true});
  const std::string to = fmt::format("tls:localhost:{}", receiver.port());
  EXPECT_TRUE(make(OutputConfig::Kind::syslog, to)->send(Messages{"one"}).error) << "signed by nobody known";
  config_.tls = {files.ca, files.client, files.client_key, ""};
  const auto sink = make(OutputConfig::Kind::syslog, to);
  for (const char* message : {"one", "two"}) {
    const auto sent = sink->send(Messages{message});
    EXPECT_EQ(sent.taken, 1u) << sent.error->message;
  }
  EXPECT_THAT(receiver.wait_for(2), ElementsAre("one", "two"));
}

TEST_F(Sinks, SyslogGoesInDatagrams) {
  const int udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
            local = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(udp, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(udp, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string path = directory_.file("log");
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, path.c_str(), sizeof name.sun_path - 1);
  ASSERT_EQ(::bind(local, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  const auto receive = [](int descriptor) {
    std::string buffer(70'000, '\0');
    timeval limit{30, 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    buffer.resize(
        static_cast<std::size_t>(std::max<ssize_t>(::recv(descriptor, buffer.data(), buffer.size(), 0), 0)));
    return buffer;
  };
  const auto over_udp =
      make(OutputConfig::Kind::syslog, fmt::format("udp:127.0.0.1:{}", ntohs(address.sin_port)));
  EXPECT_EQ(over_udp->send(Messages{"one", "two"}).taken, 2u);
  EXPECT_EQ(receive(udp), "one");
  EXPECT_EQ(receive(udp), "two");
  EXPECT_EQ(over_udp->send(Messages{std::string(100'000, 'x')}).taken, 1u);
  EXPECT_EQ(receive(udp), std::string(50'000, 'x')) << "too long for a datagram: it loses its end";
  const auto over_unix = make(OutputConfig::Kind::syslog, path);
  EXPECT_EQ(over_unix->send(Messages{"three"}).taken, 1u);
  EXPECT_EQ(receive(local), "three");
  ::close(udp);
  ::close(local);
  EXPECT_TRUE(over_unix->send(Messages{"four"}).error);
}

TEST_F(Sinks, AWebhookGetsOneMessageARequestWithItsHeaders) {
  Receiver receiver(take_http([](const std::string&) { return 200u; }));
  config_.headers = {{"X-Key", "secret"}};
  const auto sink =
      make(OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}/hook?x=1", receiver.port()));
  EXPECT_EQ(sink->batch(), 1u);
  EXPECT_EQ(sink->send(Messages{"{\"a\":1}"}).taken, 1u);
  const auto messages = receiver.wait_for(1);
  EXPECT_THAT(messages[0], ::testing::StartsWith("POST /hook?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(messages[0], HasSubstr("\r\nX-Key: secret\r\n"));
  EXPECT_THAT(messages[0], HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_EQ(body_of(messages[0]), "{\"a\":1}");
}

TEST_F(Sinks, OnlyWhatWillNeverBeTakenIsGivenUp) {
  unsigned status = 0;
  Receiver receiver(take_http([&](const std::string&) { return status; }));
  const auto sink = make(OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}", receiver.port()));
  for (const unsigned again : {401u, 403u, 404u, 408u, 429u, 500u, 503u}) {
    status = again;
    const auto sent = sink->send(Messages{"{}"});
    EXPECT_EQ(sent.taken, 0u);
    EXPECT_FALSE(sent.refused) << again;
    EXPECT_THAT(sent.error->message, HasSubstr(std::to_string(again)));
  }
  for (const unsigned never : {400u, 413u, 415u, 422u}) {
    status = never;
    EXPECT_TRUE(sink->send(Messages{"{}"}).refused) << never;
  }
}

TEST_F(Sinks, AlertsGoTogetherAndOneThatIsRefusedDoesNotHoldUpTheRest) {
  Receiver receiver(
      take_http([](const std::string& body) { return body.find("bad") == body.npos ? 200u : 400u; }));
  const auto sink =
      make(OutputConfig::Kind::alertmanager, fmt::format("http://127.0.0.1:{}/am/", receiver.port()));
  EXPECT_EQ(sink->send(Messages{"{\"a\":1}", "{\"a\":2}"}).taken, 2u);
  EXPECT_THAT(receiver.messages()[0], ::testing::StartsWith("POST /am/api/v2/alerts HTTP/1.1\r\n"));
  EXPECT_EQ(body_of(receiver.messages()[0]), "[{\"a\":1},{\"a\":2}]");
  const auto mixed = sink->send(Messages{"{\"a\":3}", "\"bad\""});
  EXPECT_EQ(mixed.taken, 1u);
  const auto bad = sink->send(Messages{"\"bad\"", "{\"a\":4}"});
  EXPECT_EQ(bad.taken, 0u);
  EXPECT_TRUE(bad.refused);
}

TEST_F(Sinks, WhatWaitsForAReceiverCanBeCalledOff) {
  Receiver silent([](std::string&) { return Receiver::Taken{}; });
  const auto sink = make(OutputConfig::Kind::webhook, fmt::format("http://127.0.0.1:{}", silent.port()));
  auto sending = std::async(std::launch::async, [&] { return sink->send(Messages{"{}"}); });
  sink->cancel();
  EXPECT_EQ(sending.get().error->code, Errc::cancelled);
}

}  // namespace
}  // namespace ringside::agent
