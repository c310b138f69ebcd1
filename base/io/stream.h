// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio: only clients' own .cpp files and their tests include this.

#include "base/error.h"
#include "base/io/endpoint.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringside::io {

namespace asio = boost::asio;

/// A connected byte stream: Unix socket, TCP or TLS. Errors are values: `closed` at end of stream,
/// `cancelled` when the operation was cancelled, else `io`. Not thread-safe: use from its executor.
class Stream {
 public:
  virtual ~Stream() = default;
  /// At least one byte, or an error.
  virtual asio::awaitable<Result<std::size_t>> read_some(asio::mutable_buffer into) = 0;
  virtual asio::awaitable<Result<void>> write_all(asio::const_buffer from) = 0;
  virtual bool carries_descriptors() const { return false; }
  /// Writes all of `from`, with `descriptor` as SCM_RIGHTS on its first byte. `unsupported` but on Unix
  /// sockets.
  virtual asio::awaitable<Result<void>> write_with_descriptor(asio::const_buffer from, int descriptor);
  /// Ends both directions; pending operations end with `cancelled` or `closed`. May be called twice.
  virtual void close() = 0;
  virtual std::optional<PeerCredentials> peer() const { return std::nullopt; }
  /// The supplementary groups of the peer of a Unix socket, as they were when it connected.
  virtual std::vector<gid_t> peer_groups() const { return {}; }
  /// Of a stream that a Listener accepted: to be done once, before anything else. Nothing but with TLS.
  virtual asio::awaitable<Result<void>> handshake();
  /// The subject (RFC 2253) of the certificate that the peer showed and a known CA signed; empty: none.
  virtual std::string peer_certificate() const { return {}; }
  virtual asio::any_io_executor executor() = 0;
};

/// Connects within `deadline`. `refused` names the reason (no such file, permission, connection refused) and
/// a hint.
asio::awaitable<Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint,
                                                         std::chrono::milliseconds deadline);

}  // namespace ringside::io
