// SPDX-License-Identifier: Apache-2.0
#include "agent/http/message.h"

#include "agent/http/event_parser.h"
#include "agent/http/event_queue.h"
#include "agent/http/url.h"

#include <gmock/gmock.h>

namespace ringside::agent::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(HttpTarget, IsTakenApartAndDecoded) {
  const auto target = parse_target("/api/v1/guests/my%20vm%2F1?guest=a+b&x=%3d&flag");
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_THAT(target->segments, ElementsAre("api", "v1", "guests", "my vm/1"));
  EXPECT_THAT(target->query, ElementsAre(Pair("flag", ""), Pair("guest", "a b"), Pair("x", "=")));
  EXPECT_TRUE(parse_target("/")->segments.empty());
  EXPECT_THAT(parse_target("/healthz/")->segments, ElementsAre("healthz", ""));
}

TEST(HttpTarget, RefusesWhatIsNoTarget) {
  for (const char* bad :
       {"", "healthz", "http://host/", "*", "/%", "/%4", "/%zz", "/a%00b", "/?a=%0", "/?a=1&a=2"})
    EXPECT_FALSE(parse_target(bad)) << bad;
}

TEST(HttpTarget, AnEncodedSegmentComesBack) {
  const std::string odd = "a/b c?%+&=\x01\xff";
  EXPECT_EQ(parse_target("/" + percent_encoded(odd))->segments[0], odd);
  EXPECT_EQ(parse_target("/?q=" + percent_encoded(odd))->query.at("q"), odd);
}

TEST(HttpError, ComesBackAsTheErrorThatItWas) {
  const Error error{Errc::monitor_busy, "held by another", "end it"};
  const Response response = error_response(error);
  EXPECT_EQ(response.status, 503u);
  const Error back = error_of(response.status, response.body);
  EXPECT_EQ(back.code, error.code);
  EXPECT_EQ(back.message, error.message);
  EXPECT_EQ(back.hint, error.hint);
  EXPECT_EQ(error_of(404, "<html>").code, Errc::not_found);
  EXPECT_THAT(error_of(502, "").message, HasSubstr("502"));
}

TEST(EventParser, PutsEventsTogetherFromAnyPieces) {
  const std::string text =
      ": hello\n\nevent: guest\r\ndata: {\"a\":1}\r\n\r\ndata:one\ndata: two\nid: 7\n\nevent: empty\n\n";
  for (std::size_t piece = 1; piece < 12; ++piece) {
    EventParser parser(1000);
    std::vector<std::pair<std::string, std::string>> events;
    for (std::size_t at = 0; at < text.size(); at += piece)
      ASSERT_TRUE(
          parser.feed(std::string_view(text).substr(at, piece), [&](const auto& event, const auto& data) {
            events.emplace_back(event, data);
            return true;
          }));
    EXPECT_THAT(events, ElementsAre(Pair("guest", "{\"a\":1}"), Pair("message", "one\ntwo"))) << piece;
  }
}

TEST(EventParser, BoundsALineAndAnEvent) {
  const auto keep = [](const auto&, const auto&) { return true; };
  EventParser one_line(100);
  EXPECT_EQ(one_line.feed(std::string(101, 'x'), keep).error().code, Errc::oversized);
  EventParser many_lines(100);
  ASSERT_TRUE(many_lines.feed("data: " + std::string(60, 'x') + "\n", keep));
  EXPECT_FALSE(many_lines.feed("data: " + std::string(60, 'x') + "\n", keep));
}

TEST(EventQueue, KeepsOrderAndWakesOncePerEmptiness) {
  int woken = 0;
  EventQueue queue(3, [&] { ++woken; });
  queue.push("a");
  queue.push("b");
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(queue.take(), "ab");
  queue.push("c");
  EXPECT_EQ(woken, 2);
}

TEST(EventQueue, BeyondTheBoundNothingMoreGoesInUntilItsReaderIsCutOff) {
  EventQueue queue(2, [] {});
  for (const char* event : {"a", "b", "c"}) queue.push(event);
  EXPECT_TRUE(queue.overflowed());
  EXPECT_EQ(queue.take(), "ab");
  queue.push("d");  // not after the gap
  EXPECT_EQ(queue.take(), "");
}

TEST(Url, IsTakenApart) {
  const auto plain = parse_url("http://alerts.example:9093/x/api?y=1");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->endpoint.kind, io::Endpoint::Kind::tcp);
  EXPECT_EQ(plain->endpoint.host, "alerts.example");
  EXPECT_EQ(plain->endpoint.port, 9093);
  EXPECT_EQ(plain->host, "alerts.example:9093");
  EXPECT_EQ(plain->target, "/x/api?y=1");
  const auto secure = parse_url("https://[::1]");
  ASSERT_TRUE(secure) << secure.error().message;
  EXPECT_EQ(secure->endpoint.kind, io::Endpoint::Kind::tls);
  EXPECT_EQ(secure->endpoint.host, "::1");
  EXPECT_EQ(secure->endpoint.port, 443);
  EXPECT_EQ(secure->target, "/");
}

TEST(Url, RefusesWhatWouldNotWorkOrHidesAnything) {
  for (const char* bad : {"", "ftp://h/", "http://", "http://h:0/", "http://h:99999/", "http://user:pw@h/",
                          "http://h/#x", "http://h/a b", "http://h/\r\nX: y", "h:80/x"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

}  // namespace
}  // namespace ringside::agent::http
