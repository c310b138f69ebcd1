// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio: only servers' own .cpp files and their tests include this.

#include "base/io/stream.h"

#include <memory>
#include <optional>
#include <string>

namespace ringside::io {

/// How a server speaks TLS (1.2 or newer).
struct ListenerTls {
  std::string certificate_file, key_file;
  std::string client_ca_file;         ///< who signs clients' certificates; empty: clients are not asked
  bool certificate_required = false;  ///< a client without one does not get past the handshake
};

/// Accepts connections. Not thread-safe: use from its executor.
class Listener {
 public:
  virtual ~Listener() = default;
  /// The next connection; its handshake() is the caller's, so that a slow client holds up nobody. `cancelled`
  /// after close().
  virtual asio::awaitable<Result<std::unique_ptr<Stream>>> accept() = 0;
  /// Ends accept(). A Unix socket's file goes.
  virtual void close() = 0;
  /// The port that tcp listeners got.
  virtual std::uint16_t port() const { return 0; }
};

/// Makes a Unix socket of `mode`, owned by `group` if given. A file that is left over from a process that has
/// ended is replaced; `refused`: somebody listens there.
Result<std::unique_ptr<Listener>> listen_unix(const asio::any_io_executor& executor, const std::string& path,
                                              mode_t mode, std::optional<gid_t> group);
/// `host` is an address or "localhost"; port 0 takes a free one.
Result<std::unique_ptr<Listener>> listen_tcp(const asio::any_io_executor& executor, const std::string& host,
                                             std::uint16_t port, const std::optional<ListenerTls>& tls);

/// Whether only this machine reaches `host` (an address or "localhost").
Result<bool> is_loopback(const std::string& host);

}  // namespace ringside::io
