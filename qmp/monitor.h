// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/io/endpoint.h"
#include "qmp/message.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::io {
class EventLoop;
}

namespace ringside::qmp {

/// How one call is made.
struct CallOptions {
  std::chrono::milliseconds deadline{10'000};
  int descriptor = -1;  ///< passed along by SCM_RIGHTS (add-fd, getfd); stays the caller's to close
};

/// A command with the knowledge of how to read its reply: one definition for the synchronous and the
/// asynchronous client. The functions that make them are in commands.h.
template <class R>
struct Command {
  std::string name;
  Json arguments = Json::object();
  Result<R> (*parse)(const Json& reply) = nullptr;
};

/// Keeps an event handler subscribed while it lives.
using Subscription = std::shared_ptr<void>;

/// One QMP connection as synchronous code sees it. Thread-safe: many callers, one queue; each call has a
/// deadline. A call that fails with `deadline` has been abandoned: its late reply is consumed and dropped.
/// Errors: `closed`, `deadline`, `cancelled`, `peer_error` (message starts with QMP's error class),
/// `malformed`, `oversized`.
class Monitor {
 public:
  virtual ~Monitor() = default;

  virtual Result<Json> execute(std::string_view command, Json arguments = Json::object(),
                               CallOptions options = {}) = 0;
  template <class R>
  Result<R> call(const Command<R>& command, CallOptions options = {}) {
    RINGSIDE_TRY(Json reply, execute(command.name, command.arguments, options));
    return command.parse(reply);
  }

  /// `handler` sees every event from now on, on the I/O thread: it must not block nor call this monitor.
  [[nodiscard]] virtual Subscription subscribe(std::function<void(const Event&)> handler) = 0;
  /// True if QEMU lists `command` in query-commands (asked once, at connect).
  virtual bool supports(std::string_view command) const = 0;
  virtual const Greeting& greeting() const = 0;
  /// The process that listens on a Unix socket; nullopt for TCP and TLS.
  virtual std::optional<io::PeerCredentials> peer() const = 0;
  virtual const io::Endpoint& endpoint() const = 0;
  /// False once the connection is lost; it stays false. One that comes back by itself (libvirt) is true while
  /// it is away: calls fail with `closed` then, and may be tried again.
  virtual bool connected() const = 0;
};

struct ConnectOptions {
  std::chrono::milliseconds connect_deadline{5'000};
  /// A monitor that another client holds accepts the connection and stays silent (QEMU serves one client).
  std::chrono::milliseconds greeting_deadline{2'000};
  /// Bytes; a longer message is `oversized` and ends the connection. The longest that QEMU has to send are
  /// the registers of all vCPUs as text, some 3 KiB each.
  std::size_t message_bound = 16u << 20;
};

/// Connects, negotiates capabilities and asks for the command list. Errors: `refused`, `monitor_busy`,
/// `closed`, `deadline`, `malformed` (the peer is no QMP monitor). `loop` must outlive the monitor.
Result<std::unique_ptr<Monitor>> connect(io::EventLoop& loop, const io::Endpoint& endpoint,
                                         ConnectOptions options = {});

}  // namespace ringside::qmp
