// SPDX-License-Identifier: Apache-2.0
#include "qmp/client.h"

#include "base/io/event_loop_asio.h"
#include "qmp/commands.h"
#include "tests/unit/qmp/fake_monitor.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

#include <future>

namespace ringside::qmp {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;
using testing::FakeMonitor;
using testing::Peer;
constexpr auto kUnix = io::Endpoint::Kind::unix_socket;

class QmpClient : public ::testing::Test {
 protected:
  ~QmpClient() override { drop(); }

  Result<void> connect(const io::Endpoint& endpoint, std::size_t window = 1) {
    auto client = io::run_blocking(loop_, Client::connect(endpoint, {1h, 1h, 1 << 20}, window));
    if (!client) return fail(client.error());
    client_ = std::move(*client);
    return {};
  }
  std::future<Result<Json>> start(std::string command, std::chrono::milliseconds deadline = 1h) {
    return asio::co_spawn(io::executor(loop_),
                          client_->execute(std::move(command), Json::object(), {deadline, -1}),
                          asio::use_future);
  }
  Result<Json> execute(std::string command, std::chrono::milliseconds deadline = 1h) {
    return start(std::move(command), deadline).get();
  }
  /// The client ends on its executor.
  void drop() {
    std::promise<void> dropped;
    asio::post(io::executor(loop_), [&] {
      client_.reset();
      dropped.set_value();
    });
    dropped.get_future().wait();
  }

  io::EventLoop loop_;
  std::unique_ptr<Client> client_;
};

TEST_F(QmpClient, RepliesThatComeOutOfOrderReachTheirCallers) {
  FakeMonitor server(kUnix, [](Peer& peer) {
    if (!peer.negotiate()) return;
    const auto first = peer.command(), second = peer.command(), third = peer.command();
    for (const auto* command : {&third, &first, &second}) peer.reply(**command, (**command)["execute"]);
    peer.wait_for_close();
  });
  ASSERT_TRUE(connect(server.endpoint(), 3));
  auto a = start("a"), b = start("b"), c = start("c");
  EXPECT_EQ(a.get().value(), "a");
  EXPECT_EQ(b.get().value(), "b");
  EXPECT_EQ(c.get().value(), "c");
  drop();
}

TEST_F(QmpClient, ACallCancelledWhileItWaitsIsNeverSent) {
  std::promise<void> go_on;
  std::vector<std::string> seen;
  FakeMonitor server(kUnix, [&](Peer& peer) {
    if (!peer.negotiate()) return;
    const auto first = peer.command();
    go_on.get_future().wait();
    peer.reply(*first);
    while (const auto command = peer.command()) {
      seen.push_back((*command)["execute"]);
      peer.reply(*command);
    }
  });
  ASSERT_TRUE(connect(server.endpoint()));
  auto first = start("first");
  asio::cancellation_signal signal;
  auto cancelled = asio::co_spawn(io::executor(loop_), client_->execute("stop", Json::object(), {1h, -1}),
                                  asio::bind_cancellation_slot(signal.slot(), asio::use_future));
  asio::post(io::executor(loop_), [&] { signal.emit(asio::cancellation_type::terminal); });
  EXPECT_EQ(cancelled.get().error().code, Errc::cancelled);
  go_on.set_value();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(execute("last"));
  drop();
  EXPECT_THAT(seen, ::testing::ElementsAre("last"));
}

TEST_F(QmpClient, ConnectingCanBeCancelled) {
  FakeMonitor server(kUnix, [](Peer& peer) { peer.wait_for_close(); });
  asio::cancellation_signal signal;
  auto connecting = asio::co_spawn(io::executor(loop_), Client::connect(server.endpoint(), {1h, 1h, 1 << 20}),
                                   asio::bind_cancellation_slot(signal.slot(), asio::use_future));
  asio::post(io::executor(loop_), [&] { signal.emit(asio::cancellation_type::terminal); });
  const auto client = connecting.get();
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Errc::cancelled);
}

TEST_F(QmpClient, DroppingTheClientClosesItsCalls) {
  FakeMonitor server(kUnix, [](Peer& peer) {
    if (peer.negotiate()) peer.wait_for_close();
  });
  ASSERT_TRUE(connect(server.endpoint()));
  auto pending = start("query-status");
  drop();
  EXPECT_EQ(pending.get().error().code, Errc::closed);
}

TEST_F(QmpClient, TypedCallsReadTheReply) {
  FakeMonitor server(kUnix, [](Peer& peer) {
    if (!peer.negotiate()) return;
    peer.reply(*peer.command(), {{"running", true}, {"status", "running"}});
    peer.reply(*peer.command(), {{"running", "yes"}});
    peer.wait_for_close();
  });
  ASSERT_TRUE(connect(server.endpoint()));
  EXPECT_EQ(io::run_blocking(loop_, client_->call(query_status()))->status, "running");
  EXPECT_EQ(io::run_blocking(loop_, client_->call(query_status())).error().code, Errc::malformed);
  drop();
}

}  // namespace
}  // namespace ringside::qmp
