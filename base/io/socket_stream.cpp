// SPDX-License-Identifier: Apache-2.0
#include "base/io/socket_stream.h"

#include <boost/asio/ssl/error.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace ringside::io {

using asio::local::stream_protocol;
using boost::system::error_code;

tl::unexpected<Error> stream_failure(const error_code& error, std::string_view what) {
  if (error == asio::error::operation_aborted)
    return fail(Errc::cancelled, fmt::format("{}: cancelled", what));
  if (error == asio::error::eof || error == asio::error::connection_reset ||
      error == asio::error::broken_pipe || error == asio::ssl::error::stream_truncated ||
      error == asio::error::bad_descriptor)
    return fail(Errc::closed, fmt::format("{}: the peer closed the connection", what));
  return fail(Errc::io, fmt::format("{}: {}", what, error.message()));
}

UnixStream::UnixStream(stream_protocol::socket socket) : SocketStream(std::move(socket)) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket_.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0)
    peer_ = PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

// socket(7): SO_PEERGROUPS came with Linux 4.13. An option's length that does not suffice gives ERANGE and
// the length that would.
std::vector<gid_t> UnixStream::peer_groups() const {
  std::vector<gid_t> groups(64);
  auto& socket = const_cast<stream_protocol::socket&>(socket_);
  for (int tries = 0; tries < 3; ++tries) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const bool done =
        getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0;
    if (!done && errno != ERANGE) return {};
    groups.resize(size / sizeof(gid_t));
    if (done) return groups;
  }
  return {};
}

asio::awaitable<Result<void>> UnixStream::write_with_descriptor(asio::const_buffer from, int descriptor) {
  if (from.size() == 0) co_return fail(Errc::invalid_argument, "a descriptor travels with at least one byte");
  for (;;) {
    const ssize_t sent = send_with_descriptor(from, descriptor);
    if (sent >= 0) {  // the descriptor went with the first byte, whatever the count
      from += static_cast<std::size_t>(sent);
      break;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
      co_return stream_failure(error_code(errno, boost::system::system_category()), "passing a descriptor");
    const auto [error] = co_await socket_.async_wait(stream_protocol::socket::wait_write, kTuple);
    if (error) co_return stream_failure(error, "passing a descriptor");
  }
  if (from.size() == 0) co_return Result<void>{};
  co_return co_await write_all(from);
}

ssize_t UnixStream::send_with_descriptor(asio::const_buffer from, int descriptor) {
  iovec vector{const_cast<void*>(from.data()), from.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptor)> control{};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace ringside::io
