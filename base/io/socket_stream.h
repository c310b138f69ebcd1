// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio: only base/io's own .cpp files include this.

#include "base/io/stream.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace ringside::io {

inline constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

/// What a failed read or write means: `closed`, `cancelled` or `io`.
tl::unexpected<Error> stream_failure(const boost::system::error_code& error, std::string_view what);

/// A stream over an Asio socket or a TLS stream on one.
template <class Socket>
class SocketStream : public Stream {
 public:
  explicit SocketStream(Socket socket) : socket_(std::move(socket)) {}

  asio::awaitable<Result<std::size_t>> read_some(asio::mutable_buffer into) override {
    const auto [error, count] = co_await socket_.async_read_some(into, kTuple);
    if (error) co_return stream_failure(error, "reading");
    co_return count;
  }

  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    const auto [error, count] = co_await asio::async_write(socket_, from, kTuple);
    if (error) co_return stream_failure(error, "writing");
    co_return Result<void>{};
  }

  /// No TLS close_notify: it would have to wait for the peer, and all protocols know where a message ends.
  void close() override {
    boost::system::error_code ignored;
    socket_.lowest_layer().shutdown(asio::socket_base::shutdown_both, ignored);
    socket_.lowest_layer().close(ignored);
  }

  asio::any_io_executor executor() override { return socket_.get_executor(); }

 protected:
  Socket socket_;
};

/// Knows who is at the other end, and carries descriptors.
class UnixStream final : public SocketStream<asio::local::stream_protocol::socket> {
 public:
  explicit UnixStream(asio::local::stream_protocol::socket socket);
  std::optional<PeerCredentials> peer() const override { return peer_; }
  std::vector<gid_t> peer_groups() const override;
  bool carries_descriptors() const override { return true; }
  asio::awaitable<Result<void>> write_with_descriptor(asio::const_buffer from, int descriptor) override;

 private:
  ssize_t send_with_descriptor(asio::const_buffer from, int descriptor);
  std::optional<PeerCredentials> peer_;
};

}  // namespace ringside::io
