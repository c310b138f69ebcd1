// SPDX-License-Identifier: Apache-2.0
#include "qmp/monitor.h"

#include "base/io/event_loop.h"
#include "qmp/commands.h"
#include "tests/unit/qmp/fake_monitor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <mutex>
#include <vector>

namespace ringside::qmp {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;
using testing::FakeMonitor;
using ::testing::HasSubstr;
using testing::Peer;
using Kind = io::Endpoint::Kind;

constexpr ConnectOptions kPatient{1h, 1h, 1 << 20};
constexpr CallOptions kPatientCall{1h, -1};

class QmpMonitor : public ::testing::Test {
 protected:
  Result<Json> execute(Monitor& monitor, std::string_view command, CallOptions options = kPatientCall) {
    return monitor.execute(command, Json::object(), options);
  }
  io::EventLoop loop_;
};

/// Over every kind of stream.
class QmpMonitorOver : public ::testing::TestWithParam<Kind> {};

TEST_P(QmpMonitorOver, GreetsNegotiatesAndAnswers) {
  io::EventLoop loop;
  FakeMonitor server(GetParam(), [](Peer& peer) {
    if (!peer.welcome()) return;
    while (const auto command = peer.command()) peer.reply(*command, (*command)["execute"]);
  });
  const auto monitor = connect(loop, server.endpoint(), kPatient);
  ASSERT_TRUE(monitor) << monitor.error().message;
  EXPECT_EQ((*monitor)->greeting().major, 7);
  EXPECT_EQ((*monitor)->greeting().package, "test");
  EXPECT_EQ((*monitor)->endpoint(), server.endpoint());
  EXPECT_TRUE((*monitor)->supports("stop"));
  EXPECT_FALSE((*monitor)->supports("xen-save-devices-state"));
  EXPECT_EQ((*monitor)->peer().has_value(), GetParam() == Kind::unix_socket);
  EXPECT_EQ((*monitor)->execute("query-status", Json::object(), kPatientCall).value(), "query-status");
  EXPECT_TRUE((*monitor)->connected());
}

TEST_P(QmpMonitorOver, AConnectionLostInMidReplyClosesEveryCaller) {
  io::EventLoop loop;
  std::promise<void> both_called;
  FakeMonitor server(GetParam(), [&](Peer& peer) {
    if (!peer.welcome()) return;
    const auto command = peer.command();
    both_called.get_future().wait();
    peer.send(R"({"return": {"status": "runn)");
  });
  const auto monitor = connect(loop, server.endpoint(), kPatient);
  ASSERT_TRUE(monitor);
  const auto call = [&] { return (*monitor)->execute("query-status", Json::object(), kPatientCall); };
  auto first = std::async(std::launch::async, call), second = std::async(std::launch::async, call);
  both_called.set_value();
  EXPECT_EQ(first.get().error().code, Errc::closed);
  EXPECT_EQ(second.get().error().code, Errc::closed);
  EXPECT_FALSE((*monitor)->connected());
  const auto later = call();
  EXPECT_EQ(later.error().code, Errc::closed);
  EXPECT_THAT(later.error().message, HasSubstr("connection has ended"));
}

INSTANTIATE_TEST_SUITE_P(Streams, QmpMonitorOver, ::testing::Values(Kind::unix_socket, Kind::tcp, Kind::tls),
                         [](const auto& test) {
                           switch (test.param) {
                             case Kind::tcp:
                               return "Tcp";
                             case Kind::tls:
                               return "Tls";
                             case Kind::unix_socket:
                             case Kind::libvirt:  // no stream
                               break;
                           }
                           return "Unix";
                         });

TEST_F(QmpMonitor, AMonitorThatDoesNotGreetIsBusyAndLetGo) {
  std::promise<void> let_go;
  FakeMonitor server(Kind::unix_socket, [&](Peer& peer) {
    peer.wait_for_close();
    let_go.set_value();
  });
  const auto monitor = connect(loop_, server.endpoint(), {1h, 20ms, 1 << 20});
  ASSERT_FALSE(monitor);
  EXPECT_EQ(monitor.error().code, Errc::monitor_busy);
  EXPECT_THAT(monitor.error().message, HasSubstr(server.endpoint().path));
  EXPECT_THAT(monitor.error().hint, HasSubstr("-qmp unix:"));
  let_go.get_future().wait();
}

TEST_F(QmpMonitor, APeerThatClosesBeforeItGreetsIsClosed) {
  FakeMonitor server(Kind::unix_socket, [](Peer&) {});
  const auto monitor = connect(loop_, server.endpoint(), kPatient);
  EXPECT_EQ(monitor.error().code, Errc::closed);
}

TEST_F(QmpMonitor, AMonitorThatSpeaksHmpIsMalformed) {
  FakeMonitor server(Kind::unix_socket, [](Peer& peer) {
    peer.send("QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) ");
    peer.wait_for_close();
  });
  const auto monitor = connect(loop_, server.endpoint(), kPatient);
  EXPECT_EQ(monitor.error().code, Errc::malformed);
  EXPECT_THAT(monitor.error().message, HasSubstr("QEMU 7.2.22 monitor"));
  EXPECT_THAT(monitor.error().hint, HasSubstr("QMP monitor"));
}

TEST_F(QmpMonitor, ANegotiationThatIsNotAnsweredEndsAtTheDeadline) {
  FakeMonitor server(Kind::unix_socket, [](Peer& peer) {
    peer.greet();
    peer.wait_for_close();
  });
  const auto monitor = connect(loop_, server.endpoint(), {50ms, 1h, 1 << 20});
  EXPECT_EQ(monitor.error().code, Errc::deadline);
}

TEST_F(QmpMonitor, ASlowReplyIsDroppedWhenItComesAndTheNextCallWorks) {
  std::promise<void> given_up;
  FakeMonitor server(Kind::unix_socket, [&](Peer& peer) {
    if (!peer.welcome()) return;
    const auto slow = peer.command();
    given_up.get_future().wait();
    peer.reply(*slow, "late");
    while (const auto command = peer.command()) peer.reply(*command, "in time");
  });
  const auto monitor = connect(loop_, server.endpoint(), kPatient).value();
  const auto slow = execute(*monitor, "pmemsave", {10ms, -1});
  EXPECT_EQ(slow.error().code, Errc::deadline);
  EXPECT_EQ(slow.error().message, "pmemsave: not done within 10 ms");
  given_up.set_value();
  EXPECT_EQ(execute(*monitor, "query-status").value(), "in time");
  EXPECT_TRUE(monitor->connected());
}

TEST_F(QmpMonitor, AnOversizedReplyEndsTheConnection) {
  FakeMonitor server(Kind::unix_socket, [](Peer& peer) {
    if (!peer.welcome()) return;
    peer.reply(*peer.command(), std::string(2 << 20, 'x'));
    peer.wait_for_close();
  });
  const auto monitor = connect(loop_, server.endpoint(), kPatient).value();
  EXPECT_EQ(execute(*monitor, "query-status").error().code, Errc::oversized);
  EXPECT_FALSE(monitor->connected());
}

TEST_F(QmpMonitor, AReplyOfManyMebibytesArrivesWhole) {
  FakeMonitor server(Kind::unix_socket, [](Peer& peer) {
    if (!peer.welcome()) return;
    while (const auto command = peer.command()) peer.reply(*command, std::string(3 << 20, 'x'));
  });
  const auto monitor = connect(loop_, server.endpoint(), {1h, 1h, 64 << 20}).value();
  EXPECT_EQ(execute(*monitor, "human-monitor-command").value().get<std::string>().size(), 3U << 20);
  EXPECT_EQ(execute(*monitor, "human-monitor-command").value().get<std::string>().size(), 3U << 20);
}

TEST_F(QmpMonitor, GarbageEndsTheConnection) {
  FakeMonitor server(Kind::unix_socket, [](Peer& peer) {
    if (!peer.welcome()) return;
    if (peer.command()) peer.send("\xff garbage");
    peer.wait_for_close();
  });
  const auto monitor = connect(loop_, server.endpoint(), kPatient).value();
  EXPECT_EQ(execute(*monitor, "query-status").error().code, Errc::malformed);
  EXPECT_FALSE(monitor->connected());
}

TEST_F(QmpMonitor, EventsReachEverySubscriberInOrder) {
  FakeMonitor server(Kind::unix_socket, [](Peer& peer) {
    if (!peer.welcome()) return;
    const auto command = peer.command();
    if (!command) return;
    for (const char* name : {"RESET", "STOP", "RESUME", "SHUTDOWN", "NIC_RX_FILTER_CHANGED"})
      peer.send(Json{{"event", name}, {"timestamp", {{"seconds", 1}, {"microseconds", 2}}}}.dump() + "\r\n");
    peer.reply(*command);
    peer.wait_for_close();
  });
  const auto monitor = connect(loop_, server.endpoint(), kPatient).value();
  std::mutex mutex;
  std::vector<EventKind> first, second;
  const auto collect = [&](std::vector<EventKind>& into) {
    return monitor->subscribe([&](const Event& event) {
      const std::lock_guard lock(mutex);
      EXPECT_EQ(event.timestamp.count(), 1'000'002);
      into.push_back(event.kind);
    });
  };
  const auto one = collect(first), two = collect(second);
  ASSERT_TRUE(execute(*monitor, "query-status"));
  const std::vector expected{EventKind::reset, EventKind::stop, EventKind::resume, EventKind::shutdown,
                             EventKind::other};
  const std::lock_guard lock(mutex);
  EXPECT_EQ(first, expected);
  EXPECT_EQ(second, expected);
}

TEST_F(QmpMonitor, ADescriptorArrivesWithTheCommandThatItBelongsTo) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  FakeMonitor server(Kind::unix_socket, [](Peer& peer) {
    if (!peer.welcome()) return;
    while (const auto command = peer.command()) {
      const int descriptor = peer.take_descriptor();
      bool written = false;
      if (descriptor >= 0) {
        written = ::write(descriptor, "!", 1) == 1;
        ::close(descriptor);
      }
      peer.reply(*command, {{"fd", written ? 1 : 0}, {"fdset-id", 3}});
    }
  });
  const auto monitor = connect(loop_, server.endpoint(), kPatient).value();
  EXPECT_EQ(monitor->call(add_fd("x"), kPatientCall)->fd, 0);
  const auto set = monitor->call(add_fd("x"), {1h, ends[1]});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->fd, 1);
  char through = 0;
  EXPECT_EQ(::read(ends[0], &through, 1), 1);
  EXPECT_EQ(through, '!');
  EXPECT_EQ(fcntl(ends[1], F_GETFD), FD_CLOEXEC) << "it stays the caller's";
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(QmpMonitor, ADescriptorThatIsNotOpenIsAnArgumentErrorOfThatCallAlone) {
  FakeMonitor server(Kind::unix_socket, [](Peer& peer) {
    if (!peer.welcome()) return;
    while (const auto command = peer.command()) peer.reply(*command);
  });
  const auto monitor = connect(loop_, server.endpoint(), kPatient).value();
  EXPECT_EQ(monitor->call(getfd("x"), {1h, 1'000'000}).error().code, Errc::invalid_argument);
  EXPECT_TRUE(execute(*monitor, "query-status"));
}

TEST_F(QmpMonitor, ADescriptorOverTcpIsUnsupportedAndEndsNothing) {
  FakeMonitor server(Kind::tcp, [](Peer& peer) {
    if (!peer.welcome()) return;
    while (const auto command = peer.command()) peer.reply(*command);
  });
  const auto monitor = connect(loop_, server.endpoint(), kPatient).value();
  EXPECT_EQ(monitor->call(getfd("x"), {1h, 0}).error().code, Errc::unsupported);
  EXPECT_TRUE(execute(*monitor, "query-status"));
}

TEST_F(QmpMonitor, ManyThreadsMayCallAtATime) {
  FakeMonitor server(Kind::unix_socket, [](Peer& peer) {
    if (!peer.welcome()) return;
    while (const auto command = peer.command()) peer.reply(*command, (*command)["execute"]);
  });
  const auto monitor = connect(loop_, server.endpoint(), kPatient).value();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&, thread] {
      for (int call = 0; call < 50; ++call) {
        const std::string name = std::to_string(thread) + "-" + std::to_string(call);
        const auto reply = execute(*monitor, name);
        if (!reply || *reply != name) ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(QmpMonitor, NobodyListeningIsRefused) {
  io::Endpoint endpoint;
  endpoint.path = "/nonexistent/qmp";
  EXPECT_EQ(connect(loop_, endpoint, kPatient).error().code, Errc::refused);
}

}  // namespace
}  // namespace ringside::qmp
