// SPDX-License-Identifier: Apache-2.0
#include "agent/sources/endpoint_source.h"

#include "tests/unit/agent/sources/news_log.h"

#include <gmock/gmock.h>

namespace ringside::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(EndpointSource, TellsOfEveryEndpointOnce) {
  EndpointSource source({{*io::parse_endpoint("tcp:192.0.2.1:4444"), "web", {{"tier", "prod"}}},
                         {*io::parse_endpoint("tls:vm.example.org:4445"), "", {}}});
  NewsLog news;
  ASSERT_TRUE(source.start(news.teller()).has_value());
  EXPECT_THAT(news.lines(), ElementsAre("+endpoint:tcp:192.0.2.1:4444", "+endpoint:tls:vm.example.org:4445"));
  EXPECT_EQ(news.all()[0].candidate.name, "web");
  EXPECT_EQ(news.all()[0].candidate.labels.at("tier"), "prod");
  EXPECT_EQ(news.all()[1].candidate.name, "tls:vm.example.org:4445");
  EXPECT_EQ(source.describe(), "endpoints: 2 guests");
}

TEST(EndpointSource, AnEndpointThatIsNamedTwiceIsAMistake) {
  EndpointSource source(
      {{*io::parse_endpoint("tcp:h:1"), "a", {}}, {*io::parse_endpoint("tcp:h:1"), "b", {}}});
  NewsLog news;
  const auto started = source.start(news.teller());
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, Errc::invalid_argument);
  EXPECT_THAT(news.lines(), IsEmpty());
}

}  // namespace
}  // namespace ringside::agent
