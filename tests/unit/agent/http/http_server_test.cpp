// SPDX-License-Identifier: Apache-2.0
#include "agent/http/http_server.h"

#include "agent/http/http_client.h"
#include "tests/support/raw_client.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/http/fake_api.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <future>
#include <thread>

namespace ringside::agent {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    // Limits of time that are not under test never come.
    options_.path = directory_.file("control.sock");
    options_.limits.request_time = options_.limits.idle_time = options_.limits.write_time =
        options_.limits.heartbeat = 1h;
  }

  void start() {
    auto server = HttpServer::start(loop_, options_, api_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  HttpClient::Options client_options() const {
    HttpClient::Options options;
    options.endpoint.path = options_.path;
    options.timeout = options.silence = 60'000ms;
    return options;
  }
  HttpClient client() { return HttpClient(client_loop_, client_options()); }
  Result<Json> get(const std::string& target) {
    return HttpClient(client_loop_, client_options()).get(target);
  }

  testing::TemporaryDirectory directory_;
  FakeApi api_;
  ListenOptions options_;
  io::EventLoop loop_, client_loop_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersAtASocketThatOnlyItsGroupReaches) {
  start();
  EXPECT_EQ(server_->where(), options_.path);
  struct stat status {};
  ASSERT_EQ(::stat(options_.path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0660u);
  EXPECT_EQ(get("/api/v1/status").value(), (Json{{"version", "1"}}));
  EXPECT_EQ(
      HttpClient(client_loop_, client_options()).post("/api/v1/reload", Json::object()).value()["reloaded"],
      true);
  const auto none = get("/api/v1/guests/none");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::not_found);
  EXPECT_EQ(none.error().hint, "ringside guests lists them");
  EXPECT_FALSE(api_.on_io_thread());
  server_.reset();
  EXPECT_NE(::stat(options_.path.c_str(), &status), 0) << "the socket's file goes with the server";
}

TEST_F(HttpServerTest, TakesThePlaceOfASocketThatIsLeftOverButNotOfAnAgent) {
  start();
  const auto second = HttpServer::start(loop_, options_, api_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::refused);
  EXPECT_THAT(second.error().hint, HasSubstr("another agent"));
  EXPECT_TRUE(get("/api/v1/status"));
  server_.reset();
  const int left_over = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, options_.path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(left_over, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(left_over);
  start();
  EXPECT_TRUE(get("/api/v1/status"));
}

TEST_F(HttpServerTest, ThePeersGroupsDecideWhatItMay) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
  constexpr uid_t kNobody = 65534;
  constexpr gid_t kGroup = 54321;
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  options_.group = std::to_string(kGroup);
  start();
  ASSERT_EQ(::chmod(options_.path.c_str(), 0666), 0);  // so that it is the server that refuses
  const auto as = [&](gid_t group, const std::string& request) {
    return std::async(std::launch::async,
                      [&, group, request] {
                        // The system calls themselves: glibc's functions would change all threads.
                        ::syscall(SYS_setgroups, 1, &group);
                        ::syscall(SYS_setresgid, kNobody, kNobody, kNobody);
                        ::syscall(SYS_setresuid, kNobody, kNobody, kNobody);
                        testing::RawClient peer(options_.path);
                        peer.send(request);
                        return peer.read_all();
                      })
        .get();
  };
  const std::string read = "GET /api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const std::string write =
      "POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 0\r\n"
      "Connection: close\r\n\r\n";
  EXPECT_THAT(as(kGroup, read), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(as(kGroup, write), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(as(kGroup + 1, read), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(as(kGroup + 1, write), StartsWith("HTTP/1.1 403 "));
  EXPECT_TRUE(get("/api/v1/status"));
}

TEST_F(HttpServerTest, AConnectionCarriesRequestsOneAfterTheOther) {
  start();
  testing::RawClient peer(options_.path);
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  peer.send(request + request + "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = peer.read_all();
  EXPECT_THAT(all, HasSubstr("ok\nHTTP/1.1 200 OK"));
  EXPECT_THAT(all, ::testing::EndsWith("ringside_up 1\n"));
  EXPECT_EQ(server_->statistics().requests, 3u);
  EXPECT_EQ(server_->statistics().connections, 1u);
}

TEST_F(HttpServerTest, BoundsHeaderAndBody) {
  options_.limits.header_bytes = 1000;
  options_.limits.body_bytes = 100;
  start();
  const auto answer_to = [&](const std::string& text) {
    testing::RawClient peer(options_.path);
    peer.send(text);
    return peer.read_all();
  };
  EXPECT_THAT(answer_to("GET /healthz HTTP/1.1\r\nX: " + std::string(2000, 'x')),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(answer_to("GET /" + std::string(2000, 'x')), StartsWith("HTTP/1.1 431 "));
  const std::string post = "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  EXPECT_THAT(answer_to(post + "Content-Length: 101\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer_to(post + "Transfer-Encoding: chunked\r\n\r\n80\r\n" + std::string(128, 'x')),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer_to("\x16\x03\x01 no http\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer_to("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(api_.calls().empty());
  EXPECT_TRUE(get("/api/v1/status"));
}

TEST_F(HttpServerTest, AClientThatSendsItsRequestTooSlowlyIsToldAndCutOff) {
  options_.limits.request_time = 100ms;
  start();
  testing::RawClient slow(options_.path);
  slow.send("GET /healthz HTTP/1.1\r\n");
  // One line after the other, each soon enough: what counts is the whole. Not even another answer waits.
  std::string text;
  std::thread drip([&] {
    while (slow.send("X: y\r\n")) std::this_thread::sleep_for(5ms);
  });
  EXPECT_TRUE(get("/api/v1/status"));
  text = slow.read_all();
  drip.join();
  EXPECT_THAT(text, StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(server_->statistics().too_slow, 1u);
}

TEST_F(HttpServerTest, AnIdleConnectionEnds) {
  options_.limits.idle_time = 20ms;
  start();
  testing::RawClient idle(options_.path);
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_EQ(server_->statistics().too_slow, 0u);
}

TEST_F(HttpServerTest, BoundsConnectionsAndKeepsAReserveForWhoRunsTheAgent) {
  options_.limits.connections = 2;
  options_.limits.reserve = 1;
  start();
  testing::RawClient one(options_.path), two(options_.path), three(options_.path);
  for (auto* peer : {&one, &two, &three}) {
    peer->send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(peer->read_until("ok\n"), StartsWith("HTTP/1.1 200 "));
  }
  testing::RawClient four(options_.path);
  EXPECT_THAT(four.read_all(), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(server_->statistics().refused, 1u);
}

TEST_F(HttpServerTest, QueriesThatTakeLongLeaveWorkersForTheRest) {
  options_.limits.workers = 2;
  options_.limits.queries = 1;
  start();
  api_.block(true);
  const Json body{{"guest", "vm1"}, {"sql", "SELECT 1"}};
  auto slow = std::async(std::launch::async, [&] { return client().post("/api/v1/query", body); });
  api_.wait_for_call("query vm1 SELECT 1");
  EXPECT_TRUE(get("/api/v1/status"));
  const auto second = client().post("/api/v1/query", body);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::unavailable);
  api_.block(false);
  EXPECT_TRUE(slow.get());
  EXPECT_TRUE(client().post("/api/v1/query", body));
}

TEST_F(HttpServerTest, StopsWhileACallRunsAndEventsAreFollowed) {
  start();
  testing::RawClient follower(options_.path);
  follower.send("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  api_.wait_for_subscribers(1);
  api_.block(true);
  auto slow = std::async(std::launch::async, [&] {
    return client().post("/api/v1/query", {{"guest", "vm1"}, {"sql", "SELECT 1"}});
  });
  api_.wait_for_call("query vm1 SELECT 1");
  auto stopped = std::async(std::launch::async, [&] { server_.reset(); });
  follower.read_all();  // ends
  api_.block(false);
  stopped.get();
  EXPECT_FALSE(slow.get());
  api_.wait_for_subscribers(0);
}

TEST_F(HttpServerTest, TellsEveryEventToAllThatFollow) {
  start();
  std::vector<std::pair<std::string, Json>> seen;
  auto following = std::async(std::launch::async, [&] {
    return client().stream("/api/v1/events", [&](const std::string& event, const std::string& data) {
      seen.emplace_back(event, Json::parse(data));
      return seen.size() < 2;
    });
  });
  testing::RawClient other(options_.path);
  other.send("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  api_.wait_for_subscribers(2);
  api_.tell(sample_event("one"));
  AgentEvent opened{
      AgentEvent::Kind::finding_opened, Moment{}, "vm1", "vm1", "opened", "two", FindingRecord{}};
  opened.finding->id = "0123456789ab";
  api_.tell(opened);
  const auto ended = following.get();
  EXPECT_TRUE(ended) << ended.error().message;
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].first, "guest");
  EXPECT_EQ(seen[0].second["text"], "one");
  EXPECT_EQ(seen[1].first, "finding.opened");
  EXPECT_EQ(seen[1].second["finding"]["id"], "0123456789ab");
  EXPECT_THAT(other.read_until("\"two\""), HasSubstr("event: finding.opened\ndata: {"));
  api_.wait_for_subscribers(1);  // the first is gone without having been written to again
}

TEST_F(HttpServerTest, AnEventStreamShowsThatItLives) {
  options_.limits.heartbeat = 10ms;
  start();
  testing::RawClient peer(options_.path);
  peer.send("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(peer.read_until(": still here\n\n: still here\n\n"), HasSubstr(": still here\n\n: still here"));
}

TEST_F(HttpServerTest, AClientThatDoesNotKeepUpIsToldAndCutOffAndHoldsUpNobody) {
  options_.limits.event_queue = 4;
  start();
  testing::RawClient slow(options_.path), quick(options_.path);
  for (auto* peer : {&slow, &quick}) {
    peer->send("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
    peer->read_until("events of ringside follow\n\n");
  }
  api_.wait_for_subscribers(2);
  // Until the socket of the one that does not read is full, and its queue behind it.
  for (int i = 0; server_->statistics().streams_cut == 0 && i < 1000; ++i) {
    const std::string name = "number " + std::to_string(i) + "!";
    api_.tell(sample_event(std::string(100'000, 'x') + name));
    ASSERT_THAT(quick.read_until(name), HasSubstr(name));
    quick.forget();
    if (i == 50) break;
  }
  EXPECT_THAT(slow.read_all(), HasSubstr("event: cut\ndata: {\"why\":\"too slow"));
  api_.wait_for_subscribers(1);
  EXPECT_EQ(server_->statistics().streams_cut, 1u);
  api_.tell(sample_event("last"));
  EXPECT_THAT(quick.read_until("last"), HasSubstr("last"));
}

TEST_F(HttpServerTest, BoundsEventStreams) {
  options_.limits.event_streams = 1;
  start();
  testing::RawClient first(options_.path);
  first.send("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n");
  api_.wait_for_subscribers(1);
  const auto second = client().stream("/api/v1/events", [](const auto&, const auto&) { return true; });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::unavailable);
}

TEST_F(HttpServerTest, AClientCanBeCalledOff) {
  start();
  HttpClient follower(client_loop_, client_options());
  auto following = std::async(std::launch::async, [&] {
    return follower.stream("/api/v1/events", [](const auto&, const auto&) { return true; });
  });
  api_.wait_for_subscribers(1);
  follower.cancel();
  EXPECT_EQ(following.get().error().code, Errc::cancelled);
  EXPECT_EQ(follower.get("/healthz").error().code, Errc::cancelled);
}

TEST_F(HttpServerTest, AClientSaysThatNobodyIsThere) {
  const auto none = get("/api/v1/status");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::refused);
}

}  // namespace
}  // namespace ringside::agent
