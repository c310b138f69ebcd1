// SPDX-License-Identifier: Apache-2.0
#include "base/io/stream.h"

#include "base/io/deadline.h"
#include "base/io/event_loop_asio.h"
#include "tests/support/temporary_directory.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace ringside::io {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;
using asio::ip::tcp;
using local = asio::local::stream_protocol;

Endpoint unix_endpoint(const std::string& path) {
  Endpoint endpoint;
  endpoint.path = path;
  return endpoint;
}

Endpoint tcp_endpoint(std::uint16_t port) {
  Endpoint endpoint;
  endpoint.kind = Endpoint::Kind::tcp;
  endpoint.host = "127.0.0.1";
  endpoint.port = port;
  return endpoint;
}

class StreamTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Stream>> connect_to(const Endpoint& endpoint,
                                             std::chrono::milliseconds deadline = 1h) {
    return run_blocking(loop_, connect(endpoint, deadline));
  }
  Result<std::string> read(Stream& stream, std::chrono::milliseconds deadline = 1h) {
    std::array<char, 256> buffer{};
    const auto count =
        run_blocking(loop_, with_deadline(stream.read_some(asio::buffer(buffer)), deadline, "reading"));
    if (!count) return fail(count.error());
    return std::string(buffer.data(), *count);
  }
  /// Accepts on the server's side, writes "hello", and reads `size` bytes.
  template <class Socket>
  static std::string greet(Socket& socket, std::size_t size) {
    asio::write(socket, asio::buffer("hello", 5));
    std::string text(size, '\0');
    asio::read(socket, asio::buffer(text));
    return text;
  }

  testing::TemporaryDirectory directory_;
  EventLoop loop_;
  asio::io_context server_;
};

TEST_F(StreamTest, UnixSocketsCarryBytesBothWaysAndNameThePeer) {
  local::acceptor acceptor(server_, local::endpoint(directory_.file("s")));
  const auto stream = connect_to(unix_endpoint(directory_.file("s")));
  ASSERT_TRUE(stream) << stream.error().message;
  auto peer = acceptor.accept();
  ASSERT_TRUE(run_blocking(loop_, (*stream)->write_all(asio::buffer("good day", 8))));
  EXPECT_EQ(greet(peer, 8), "good day");
  EXPECT_EQ(read(**stream).value(), "hello");
  ASSERT_TRUE((*stream)->peer());
  EXPECT_EQ((*stream)->peer()->pid, getpid());
  EXPECT_EQ((*stream)->peer()->uid, getuid());
}

TEST_F(StreamTest, TcpCarriesBytesBothWays) {
  tcp::acceptor acceptor(server_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const auto stream = connect_to(tcp_endpoint(acceptor.local_endpoint().port()));
  ASSERT_TRUE(stream) << stream.error().message;
  auto peer = acceptor.accept();
  ASSERT_TRUE(run_blocking(loop_, (*stream)->write_all(asio::buffer("good day", 8))));
  EXPECT_EQ(greet(peer, 8), "good day");
  EXPECT_EQ(read(**stream).value(), "hello");
  EXPECT_FALSE((*stream)->peer());
}

TEST_F(StreamTest, HostNamesAreLookedUp) {
  tcp::acceptor acceptor(server_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  Endpoint endpoint = tcp_endpoint(acceptor.local_endpoint().port());
  endpoint.host = "localhost";
  EXPECT_TRUE(connect_to(endpoint));
}

TEST_F(StreamTest, TheEndOfTheStreamIsClosed) {
  local::acceptor acceptor(server_, local::endpoint(directory_.file("s")));
  const auto stream = connect_to(unix_endpoint(directory_.file("s"))).value();
  acceptor.accept().close();
  EXPECT_EQ(read(*stream).error().code, Errc::closed);
  const std::string much(1 << 20, 'x');
  EXPECT_EQ(run_blocking(loop_, stream->write_all(asio::buffer(much))).error().code, Errc::closed);
}

TEST_F(StreamTest, AReadThatIsNotAnsweredEndsAtItsDeadlineAndTheStreamStaysUsable) {
  local::acceptor acceptor(server_, local::endpoint(directory_.file("s")));
  const auto stream = connect_to(unix_endpoint(directory_.file("s"))).value();
  auto peer = acceptor.accept();
  EXPECT_EQ(read(*stream, 5ms).error().code, Errc::deadline);
  asio::write(peer, asio::buffer("late", 4));
  EXPECT_EQ(read(*stream).value(), "late");
}

TEST_F(StreamTest, ClosingEndsAPendingRead) {
  local::acceptor acceptor(server_, local::endpoint(directory_.file("s")));
  const auto stream = connect_to(unix_endpoint(directory_.file("s"))).value();
  std::array<char, 16> buffer{};
  auto pending = asio::co_spawn(executor(loop_), stream->read_some(asio::buffer(buffer)), asio::use_future);
  asio::co_spawn(
      executor(loop_),
      [&]() -> asio::awaitable<void> {
        stream->close();
        stream->close();
        co_return;
      },
      asio::use_future)
      .get();
  const auto result = pending.get();
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().code == Errc::cancelled || result.error().code == Errc::closed);
}

TEST_F(StreamTest, ADescriptorTravelsWithTheFirstByte) {
  local::acceptor acceptor(server_, local::endpoint(directory_.file("s")));
  const auto stream = connect_to(unix_endpoint(directory_.file("s"))).value();
  auto peer = acceptor.accept();
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  ASSERT_TRUE(run_blocking(loop_, stream->write_with_descriptor(asio::buffer("abc", 3), ends[1])));

  char first = 0;
  iovec vector{&first, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ASSERT_EQ(recvmsg(peer.native_handle(), &message, 0), 1);
  EXPECT_EQ(first, 'a');
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  ASSERT_NE(header, nullptr);
  EXPECT_EQ(header->cmsg_type, SCM_RIGHTS);
  int received = -1;
  std::memcpy(&received, CMSG_DATA(header), sizeof received);
  ASSERT_EQ(::write(received, "!", 1), 1);
  char through = 0;
  ASSERT_EQ(::read(ends[0], &through, 1), 1);
  EXPECT_EQ(through, '!');
  std::array<char, 2> rest{};
  asio::read(peer, asio::buffer(rest));
  EXPECT_EQ(rest[1], 'c');
  for (const int descriptor : {ends[0], ends[1], received}) ::close(descriptor);
}

TEST_F(StreamTest, ADescriptorDoesNotTravelOverTcp) {
  tcp::acceptor acceptor(server_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const auto stream = connect_to(tcp_endpoint(acceptor.local_endpoint().port())).value();
  const auto result = run_blocking(loop_, stream->write_with_descriptor(asio::buffer("abc", 3), 0));
  EXPECT_EQ(result.error().code, Errc::unsupported);
}

TEST_F(StreamTest, RefusedNamesThePathTheReasonAndAWayOut) {
  const std::string missing = directory_.file("missing");
  const auto absent = connect_to(unix_endpoint(missing));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Errc::refused);
  EXPECT_EQ(absent.error().message, "cannot connect to " + missing + ": No such file or directory");
  EXPECT_NE(absent.error().hint.find("is QEMU running"), std::string::npos);

  { local::acceptor left_behind(server_, local::endpoint(directory_.file("stale"))); }
  const auto stale = connect_to(unix_endpoint(directory_.file("stale")));
  EXPECT_EQ(stale.error().code, Errc::refused);
  EXPECT_NE(stale.error().hint.find("left over"), std::string::npos);
}

TEST_F(StreamTest, RefusedSaysWhenPermissionIsMissing) {
  if (geteuid() == 0) {
    // root may open everything: become nobody in a child, which reports by its exit code.
    local::acceptor acceptor(server_, local::endpoint(directory_.file("s")));
    ASSERT_EQ(chmod(directory_.file("s").c_str(), 0600), 0);
    ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
    const pid_t child = fork();
    if (child == 0) {
      if (setuid(65534) != 0) _exit(2);
      asio::io_context context;  // no thread: ThreadSanitizer allows none after a fork
      auto connecting =
          asio::co_spawn(context, connect(unix_endpoint(directory_.file("s")), 1h), asio::use_future);
      context.run();
      const auto stream = connecting.get();
      _exit(!stream && stream.error().code == Errc::refused &&
                    stream.error().hint.find("run as root") != std::string::npos
                ? 0
                : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  } else {
    ASSERT_EQ(chmod(directory_.path().c_str(), 0000), 0);
    const auto stream = connect_to(unix_endpoint(directory_.file("s")));
    ASSERT_EQ(chmod(directory_.path().c_str(), 0700), 0);
    EXPECT_EQ(stream.error().code, Errc::refused);
    EXPECT_NE(stream.error().hint.find("run as root"), std::string::npos);
  }
}

TEST_F(StreamTest, ARefusedTcpPortIsRefused) {
  std::uint16_t port = 0;
  {
    tcp::acceptor acceptor(server_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    port = acceptor.local_endpoint().port();
  }
  const auto stream = connect_to(tcp_endpoint(port));
  EXPECT_EQ(stream.error().code, Errc::refused);
  EXPECT_NE(stream.error().hint.find("check host and port"), std::string::npos);
}

TEST_F(StreamTest, AFullBacklogIsABusyMonitor) {
  local::acceptor acceptor(server_);
  acceptor.open();
  acceptor.bind(local::endpoint(directory_.file("s")));
  acceptor.listen(0);
  const auto first = connect_to(unix_endpoint(directory_.file("s")));
  ASSERT_TRUE(first);
  EXPECT_EQ(connect_to(unix_endpoint(directory_.file("s"))).error().code, Errc::monitor_busy);
}

TEST_F(StreamTest, APathThatIsTooLongIsAnArgumentError) {
  const auto stream = connect_to(unix_endpoint("/" + std::string(200, 'x')));
  EXPECT_EQ(stream.error().code, Errc::invalid_argument);
  EXPECT_NE(stream.error().hint.find("symbolic link"), std::string::npos);
}

}  // namespace
}  // namespace ringside::io
