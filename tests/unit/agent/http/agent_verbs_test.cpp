// SPDX-License-Identifier: Apache-2.0
#include "agent/cli.h"
#include "agent/http/http_server.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/http/fake_api.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <future>
#include <mutex>
#include <sstream>
#include <streambuf>

namespace ringside::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Ran {
  int exit;
  std::string out, err;
};

/// What a program writes on another thread, to be waited for.
class SharedText : public std::streambuf {
 public:
  std::string wait_for(const std::string& part) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return text_.find(part) != std::string::npos; });
    return text_;
  }

 protected:
  int_type overflow(int_type c) override {
    const char one = traits_type::to_char_type(c);
    xsputn(&one, 1);
    return c;
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    const std::lock_guard lock(mutex_);
    text_.append(text, static_cast<std::size_t>(size));
    changed_.notify_all();
    return size;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

class AgentVerbs : public ::testing::Test {
 protected:
  AgentVerbs() {
    options_.path = directory_.file("control.sock");
    server_ = HttpServer::start(loop_, options_, api_).value();
  }
  Ran ringside(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--agent", options_.path});
    std::ostringstream out, err;
    Context context(out, err);
    const int exit = run(arguments, context);
    return {exit, out.str(), err.str()};
  }

  testing::TemporaryDirectory directory_;
  FakeApi api_;
  ListenOptions options_;
  io::EventLoop loop_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(AgentVerbs, StatusShowsHowTheAgentDoes) {
  api_.status_document = Json::parse(R"({
    "version": "0.1.0", "pid": 77, "started": "2026-01-31T12:00:00Z", "uptime_seconds": 90061, "host": "hv1",
    "policies": {"count": 25, "checks": 131, "loaded_at": "2026-01-31T12:00:01Z", "error": "idt.yaml:3:1: no"},
    "guests": {"watched": 3, "waiting": 1, "failed": 2},
    "findings": {"open": {"critical": 1, "high": 0, "medium": 2}, "suppressed": 4, "acknowledged": 5},
    "outputs": [{"name": "siem", "kind": "syslog", "to": "tcp:h:514", "waiting": 6, "sent": 7, "dropped": 8,
                 "failing": "refused"}],
    "sources": ["sockets /run/vm/*.sock: 3 guests"],
    "scheduler": {"workers": 2, "ticks": 9, "missed": 10, "lag_milliseconds": 1.25}})");
  const Ran ran = ringside({"status"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  for (const char* part :
       {"pid 77", "1 d 1 h", "25 with 131 checks", "not taken: idt.yaml:3:1: no",
        "3 watched, 1 waiting, 2 failed", "1 critical, 2 medium; 4 suppressed, 5 acknowledged", "siem",
        "refused", "sockets /run/vm/*.sock", "9 ticks, 10 missed"})
    EXPECT_THAT(ran.out, HasSubstr(part));
  EXPECT_EQ(Json::parse(ringside({"status", "--json"}).out), api_.status_document);
}

TEST_F(AgentVerbs, GuestsShowWhatIsWatchedAndWhyNot) {
  api_.guest_documents = Json::parse(R"([
    {"name": "vm1", "state": "watched", "kernel": "6.1.0", "findings": 2, "last_tick": "2026-01-31T12:00:00Z",
     "checks": {"ok": 128, "violated": 1, "unknown": 2, "not_applicable": 0}, "labels": {"role": "db"}},
    {"name": "vm\u001b[31m2", "state": "retry", "why": "monitor is busy", "next_try": "2026-01-31T12:01:00Z"}])");
  const Ran ran = ringside({"guests"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("128 ok, 1 VIOLATED, 2 unknown"));
  EXPECT_THAT(ran.out, HasSubstr("monitor is busy"));
  EXPECT_THAT(ran.out, Not(HasSubstr("\x1b"))) << "a name cannot steer the terminal";
  const Ran one = ringside({"guests", "vm1"});
  EXPECT_THAT(one.out, HasSubstr("role=db"));
  EXPECT_EQ(Json::parse(ringside({"guests", "--json"}).out)["guests"], api_.guest_documents);
  const Ran none = ringside({"guests", "none"});
  EXPECT_EQ(none.exit, 2);
  EXPECT_THAT(none.err, HasSubstr("there is no guest"));
}

TEST_F(AgentVerbs, DocumentsWithMissingKeysAreShownAllTheSame) {
  for (const char* odd :
       {"{}", "[]", "null", "7", R"({"guests": 1, "findings": [], "outputs": {}, "scheduler": null})"}) {
    api_.status_document = Json::parse(odd);
    api_.guest_documents = Json::array({Json::parse(odd)});
    api_.finding_document = Json::parse(odd);
    for (const std::vector<std::string>& words : {std::vector<std::string>{"status"},
                                                  {"guests"},
                                                  {"guests", "vm1"},
                                                  {"findings"},
                                                  {"findings", "show", "0123"},
                                                  {"findings", "ack", "0123", "--note", "x"},
                                                  {"policy", "explain", "0123"},
                                                  {"baseline", "accept", "--finding", "0123"}})
      EXPECT_EQ(ringside(words).exit, 0) << odd << ' ' << words[0];
  }
}

TEST_F(AgentVerbs, FindingsAreListedShownAcknowledgedAndExported) {
  api_.finding_document =
      Json::parse(R"({"id": "0123456789ab", "kind": "violation", "state": "open", "guest": "u1",
    "guest_name": "vm1", "policy": "idt", "policy_version": "1", "check": "gates", "title": "A gate differs",
    "message": "gate 14 differs", "remediation": "Look.", "severity": "critical", "attack": ["T1014"],
    "row": {"vector": 14}, "suppressed_by": "EX-1", "acknowledged": null, "first_seen": "2026-01-31T12:00:00Z",
    "last_seen": "2026-01-31T12:00:01Z", "resolved_at": null, "count": 1, "evidence": []})");
  const Ran list =
      ringside({"findings", "--guest", "my vm", "--severity", "high", "--state", "all", "--limit", "3"});
  EXPECT_EQ(list.exit, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("idt/gates"));
  EXPECT_THAT(list.out, HasSubstr("open, suppressed"));
  EXPECT_EQ(api_.last_filter.guest, "my vm");
  EXPECT_EQ(api_.last_filter.at_least, policies::Severity::high);
  EXPECT_FALSE(api_.last_filter.state);
  EXPECT_FALSE(api_.last_filter.suppressed);
  EXPECT_EQ(api_.last_filter.limit, 3u);
  EXPECT_EQ(ringside({"findings", "list"}).exit, 0);
  EXPECT_EQ(api_.last_filter.state, FindingRecord::State::open);
  const Ran show = ringside({"findings", "show", "0123"});
  for (const char* part : {"A gate differs", "gate 14 differs", "T1014", "EX-1", "What to do", "vector"})
    EXPECT_THAT(show.out, HasSubstr(part));
  const Ran acknowledged = ringside({"findings", "ack", "0123", "--note", "ticket 881"});
  EXPECT_EQ(acknowledged.exit, 0) << acknowledged.err;
  EXPECT_THAT(api_.calls(), ::testing::Contains("ack 0123 ticket 881 uid " + std::to_string(::geteuid())));
  EXPECT_EQ(ringside({"findings", "ack", "0123"}).exit, 2) << "why is asked for";
  const Ran exported = ringside({"findings", "export"});
  EXPECT_EQ(Json::parse(exported.out), api_.finding_document);
  EXPECT_EQ(exported.out.find('\n'), exported.out.size() - 1) << "one line each";
  EXPECT_TRUE(api_.last_filter.suppressed);
  EXPECT_EQ(api_.last_filter.limit, 100'000u);
}

TEST_F(AgentVerbs, FindingsJudgeOnlyWhenAsked) {
  const auto exit_of = [&](const char* finding, std::vector<std::string> more = {}) {
    api_.finding_document = Json::parse(finding);
    std::vector<std::string> words = {"findings", "list"};
    words.insert(words.end(), more.begin(), more.end());
    return ringside(words).exit;
  };
  const char* violation = R"({"kind": "violation", "state": "open", "suppressed_by": null})";
  EXPECT_EQ(exit_of(violation), 0);
  EXPECT_EQ(exit_of(violation, {"--exit-code"}), 3);
  EXPECT_EQ(exit_of(violation, {"--exit-code", "--json"}), 3);
  EXPECT_EQ(exit_of(R"({"kind": "violation", "state": "open", "suppressed_by": "EX-1"})", {"--exit-code"}),
            0);
  EXPECT_EQ(exit_of(R"({"kind": "violation", "state": "resolved"})", {"--exit-code", "--state", "all"}), 0);
  EXPECT_EQ(exit_of(R"({"kind": "blind", "state": "open"})", {"--exit-code"}), 4);
  EXPECT_EQ(exit_of(R"({"kind": "unwatched", "state": "open"})", {"--exit-code"}), 4);
  EXPECT_EQ(exit_of(R"({"kind": "exception-unused", "state": "open"})", {"--exit-code"}), 0);
  EXPECT_EQ(exit_of("{}", {"--exit-code"}), 4) << "what is not understood is not clean";
  EXPECT_EQ(exit_of(R"({"kind": "violation", "state": "resolved"})", {"--exit-code", "--limit", "1"}), 4)
      << "there may be more";
}

TEST_F(AgentVerbs, StatusJudgesOnlyWhenAsked) {
  const auto exit_of = [&](const std::string& kinds, const std::string& guests, const char* more = "") {
    api_.status_document =
        Json::parse(R"({"findings": {"kinds": )" + kinds + R"(}, "guests": )" + guests + more + "}");
    EXPECT_EQ(ringside({"status"}).exit, 0);
    return ringside({"status", "--exit-code"}).exit;
  };
  const std::string well = R"({"watched": 2, "waiting": 0, "failed": 0})";
  EXPECT_EQ(exit_of("{}", well), 0);
  EXPECT_EQ(exit_of(R"({"violation": 1, "blind": 2})", well), 3);
  EXPECT_EQ(exit_of(R"({"blind": 2})", well), 4);
  EXPECT_EQ(exit_of(R"({"exception-expired": 1})", well), 0);
  EXPECT_EQ(exit_of("{}", R"({"watched": 2, "waiting": 1, "failed": 0})"), 4);
  EXPECT_EQ(exit_of("{}", R"({"watched": 2, "waiting": 0, "failed": 1})"), 4);
  EXPECT_EQ(exit_of(R"({"violation": 1})", R"({"watched": 2, "waiting": 0, "failed": 1})"), 3);
  EXPECT_EQ(exit_of("{}", well, R"(, "store": {"error": "disk full"})"), 4);
  api_.status_document = Json::parse(R"({"findings": {"error": "no"}})");
  EXPECT_EQ(ringside({"status", "--exit-code"}).exit, 4) << "what is not said is not clean";
}

TEST_F(AgentVerbs, AcceptAndExplainAskForTheFinding) {
  EXPECT_EQ(ringside({"baseline", "accept", "--finding", "0123", "--note", "ours"}).exit, 0);
  EXPECT_THAT(api_.calls(), ::testing::Contains("accept 0123 ours uid " + std::to_string(::geteuid())));
  api_.explain_document = Json::parse(R"({"finding": "0123456789ab", "suppressed_by": null,
    "exceptions": [{"id": "EX-1", "matches": false, "why": "column symbol is ksys_read"}]})");
  const Ran explained = ringside({"policy", "explain", "0123"});
  EXPECT_THAT(explained.out, HasSubstr("EX-1  false    column symbol is ksys_read"));
}

TEST_F(AgentVerbs, WatchFollowsEventsUntilTheAgentEndsAndSaysSo) {
  for (const bool json : {false, true}) {
    if (!server_) server_ = HttpServer::start(loop_, options_, api_).value();
    SharedText text;
    std::ostream out(&text);
    std::ostringstream err;
    auto watching = std::async(std::launch::async, [&] {
      std::vector<std::string> words{"watch", "--guest", "vm1", "--agent", options_.path};
      if (json) words.push_back("--json");
      Context context(out, err);
      return run(words, context);
    });
    api_.wait_for_subscribers(1);
    AgentEvent other = sample_event("elsewhere");
    other.guest = other.guest_name = "vm2";
    api_.tell(other);
    AgentEvent opened{AgentEvent::Kind::finding_opened,
                      Moment{},
                      "u1",
                      "vm1",
                      "opened",
                      "A gate differs: 14",
                      FindingRecord{}};
    opened.finding->id = "0123456789ab";
    opened.finding->severity = policies::Severity::critical;
    api_.tell(opened);
    const std::string line = text.wait_for("\n");
    server_.reset();
    EXPECT_EQ(watching.get(), 4) << err.str();
    EXPECT_THAT(err.str(), HasSubstr("events were lost"));
    EXPECT_THAT(line, Not(HasSubstr("elsewhere")));
    if (json) {
      EXPECT_EQ(Json::parse(line)["finding"]["id"], "0123456789ab");
    } else {
      EXPECT_THAT(line, HasSubstr("vm1: critical: A gate differs: 14 (finding 0123456789ab"));
    }
  }
}

TEST_F(AgentVerbs, WithoutAnAgentTheySayHowToStartOne) {
  server_.reset();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"status"}, {"guests"}, {"findings"}, {"watch"}}) {
    const Ran ran = ringside(words);
    EXPECT_EQ(ran.exit, 5) << words[0];
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, HasSubstr("no agent answers at " + options_.path));
    EXPECT_THAT(ran.err, HasSubstr("hint: start one"));
  }
  ::setenv("RINGSIDE_CONTROL", directory_.file("other.sock").c_str(), 1);
  std::ostringstream out, err;
  Context context(out, err);
  EXPECT_EQ(run({"status"}, context), 5);
  EXPECT_THAT(err.str(), HasSubstr("other.sock"));
  ::unsetenv("RINGSIDE_CONTROL");
}

}  // namespace
}  // namespace ringside::agent
