// SPDX-License-Identifier: Apache-2.0
#include "agent/http/routes.h"

#include "tests/unit/agent/http/fake_api.h"

#include <gmock/gmock.h>

namespace ringside::agent::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Request request_of(const std::string& method, const std::string& target, const std::string& body = {}) {
  Request request;
  request.method = method;
  request.target = parse_target(target).value();
  request.content_type = "application/json";
  request.body = body;
  request.caller = {"uid 0", true};
  request.may_read = true;
  return request;
}

/// One call as a server makes it, without the server.
Response ask(FakeApi& api, const Request& request) {
  const Routed routed = find_route(request);
  if (routed.route == nullptr) return routed.refusal;
  if (routed.route->work == Route::Work::stream) return {200, "text/event-stream", "", {}};
  return answer(api, routed, request);
}

struct Case {
  std::string method, target, body, call, answer;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"GET", "/healthz", "", "", "ok\n"},
      {"GET", "/readyz", "", "ready", "ready\n"},
      {"GET", "/metrics", "", "metrics", "ringside_up 1\n"},
      {"GET", "/api/v1/status", "", "status", R"({"version":"1"})"},
      {"GET", "/api/v1/guests", "", "guests", R"({"guests":[{"name":"vm1"}]})"},
      {"GET", "/api/v1/guests/my%20vm", "", "guest my vm", R"({"name":"my vm"})"},
      {"GET", "/api/v1/findings", "", "findings", R"({"findings":[{"id":"0123456789ab"}]})"},
      {"GET", "/api/v1/findings/0123", "", "finding 0123", R"({"id":"0123456789ab"})"},
      {"GET", "/api/v1/findings/0123/explain", "", "explain 0123", R"({"id":"0123456789ab"})"},
      {"POST", "/api/v1/findings/0123/ack", R"({"note":"known"})", "ack 0123 known uid 0",
       R"({"id":"0123456789ab"})"},
      {"POST", "/api/v1/findings/0123/accept", R"({"note":"ours"})", "accept 0123 ours uid 0",
       R"({"id":"0123456789ab"})"},
      {"GET", "/api/v1/policies", "", "policies", R"({"policies":[]})"},
      {"GET", "/api/v1/tables", "", "tables", R"({"tables":[]})"},
      {"POST", "/api/v1/query", R"({"guest":"vm1","sql":"SELECT 1"})", "query vm1 SELECT 1",
       R"({"columns":[],"rows":[],"incomplete":[]})"},
      {"POST", "/api/v1/reload", "", "reload uid 0", R"({"reloaded":true})"},
      {"GET", "/api/v1/events", "", "", ""},
  };
  return all;
}

TEST(HttpRoutes, EachCallsItsPartOfTheAgent) {
  EXPECT_EQ(cases().size(), routes().size());
  for (const Case& one : cases()) {
    FakeApi api;
    const Response response = ask(api, request_of(one.method, one.target, one.body));
    EXPECT_EQ(response.status, 200u) << one.target << ": " << response.body;
    EXPECT_THAT(response.body, ::testing::StartsWith(one.answer)) << one.target;
    if (one.call.empty())
      EXPECT_TRUE(api.calls().empty()) << one.target;
    else
      EXPECT_THAT(api.calls(), ElementsAre(one.call)) << one.target;
  }
}

TEST(HttpRoutes, WhoMayOnlyReadChangesNothing) {
  for (const Case& one : cases()) {
    FakeApi api;
    Request request = request_of(one.method, one.target, one.body);
    request.caller = {"uid 1000", false};
    const bool writes =
        one.target.ends_with("/ack") || one.target.ends_with("/accept") || one.target.ends_with("/reload");
    const Response response = ask(api, request);
    EXPECT_EQ(response.status, writes ? 403u : 200u) << one.target;
    if (writes) {
      EXPECT_TRUE(api.calls().empty()) << one.target;
    }
  }
}

TEST(HttpRoutes, WhoMayNotReadLearnsOnlyThatTheAgentLives) {
  for (const Case& one : cases()) {
    FakeApi api;
    Request request = request_of(one.method, one.target, one.body);
    request.may_read = false;
    request.caller = {"uid 1000", false};
    const bool open = one.target == "/healthz" || one.target == "/readyz";
    EXPECT_EQ(ask(api, request).status, open ? 200u : 403u) << one.target;
    request.caller = {};
    EXPECT_EQ(ask(api, request).status, open ? 200u : 401u) << one.target;
    if (!open) {
      EXPECT_TRUE(api.calls().empty()) << one.target;
    }
  }
}

TEST(HttpRoutes, FindingsAreFiltered) {
  FakeApi api;
  const auto ok = ask(api, request_of("GET",
                                      "/api/v1/findings?guest=vm1&state=resolved&severity=high&policy=idt"
                                      "&suppressed=false&limit=7"));
  EXPECT_EQ(ok.status, 200u) << ok.body;
  EXPECT_EQ(api.last_filter.guest, "vm1");
  EXPECT_EQ(api.last_filter.state, FindingRecord::State::resolved);
  EXPECT_EQ(api.last_filter.at_least, policies::Severity::high);
  EXPECT_EQ(api.last_filter.policy, "idt");
  EXPECT_FALSE(api.last_filter.suppressed);
  EXPECT_EQ(api.last_filter.limit, 7u);
  for (const char* bad :
       {"state=opened", "severity=bad", "limit=0", "limit=100001", "limit=-1", "suppressed=1", "gest=x"}) {
    const auto response = ask(api, request_of("GET", std::string("/api/v1/findings?") + bad));
    EXPECT_EQ(response.status, 400u) << bad;
    EXPECT_EQ(Json::parse(response.body)["error"]["code"], "invalid_argument") << bad;
  }
}

TEST(HttpRoutes, BodiesAreCheckedBeforeTheAgentIsAsked) {
  FakeApi api;
  for (const char* bad :
       {"", "[]", "{", R"({"guest":"x"})", R"({"guest":1,"sql":"x"})", R"({"guest":"x","sql":"x","y":""})"})
    EXPECT_EQ(ask(api, request_of("POST", "/api/v1/query", bad)).status, 400u) << bad;
  EXPECT_EQ(ask(api, request_of("POST", "/api/v1/findings/0123/ack", R"({"nota":"x"})")).status, 400u);
  EXPECT_TRUE(api.calls().empty());
  Request form = request_of("POST", "/api/v1/reload");
  form.content_type = "application/x-www-form-urlencoded";
  EXPECT_EQ(ask(api, form).status, 415u);
  EXPECT_TRUE(api.calls().empty());
}

TEST(HttpRoutes, WhatIsNotThereIs404AndTheWrongMethod405) {
  FakeApi api;
  for (const char* none :
       {"/", "/api", "/api/v1/guest", "/api/v1/guests/", "/api/v1/findings/1/2", "/healthz/"})
    EXPECT_EQ(ask(api, request_of("GET", none)).status, 404u) << none;
  const Response wrong = ask(api, request_of("DELETE", "/api/v1/findings/0123"));
  EXPECT_EQ(wrong.status, 405u);
  EXPECT_EQ(wrong.allow, "GET");
  EXPECT_TRUE(api.calls().empty());
}

TEST(HttpRoutes, ErrorsOfTheAgentAreDocumentsWithTheirStatus) {
  FakeApi api;
  const Response none = ask(api, request_of("GET", "/api/v1/guests/none"));
  EXPECT_EQ(none.status, 404u);
  EXPECT_EQ(Json::parse(none.body), (Json{{"error",
                                           {{"code", "not_found"},
                                            {"message", "there is no guest \"none\""},
                                            {"hint", "ringside guests lists them"}}}}));
  api.why_not_ready = "two guests are still attached to";
  const Response ready = ask(api, request_of("GET", "/readyz"));
  EXPECT_EQ(ready.status, 503u);
  EXPECT_THAT(ready.body, HasSubstr("two guests"));
  api.fail_reload = true;
  const Response thrown = ask(api, request_of("POST", "/api/v1/reload"));
  EXPECT_EQ(thrown.status, 500u);
  EXPECT_THAT(thrown.body, HasSubstr("a bug"));
}

}  // namespace
}  // namespace ringside::agent::http
