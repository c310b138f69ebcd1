// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio: only monitor.cpp and tests include this.

#include "base/io/stream.h"
#include "qmp/monitor.h"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace ringside::qmp {

namespace asio = boost::asio;

/// One QMP connection for coroutines. Many may call at a time: one queue, in order. Calls may be cancelled
/// (terminal); a call that was not sent yet is then never sent. Not thread-safe: use from its executor, where
/// it must also be destroyed.
class Client {
 public:
  /// Connects, waits for the greeting and negotiates capabilities. Errors: see qmp::connect in monitor.h.
  static asio::awaitable<Result<std::unique_ptr<Client>>> connect(io::Endpoint endpoint,
                                                                  ConnectOptions options,
                                                                  std::size_t window = 1);
  /// The same over a stream that is connected already.
  static asio::awaitable<Result<std::unique_ptr<Client>>> start(std::unique_ptr<io::Stream> stream,
                                                                ConnectOptions options,
                                                                std::size_t window = 1);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The deadline covers the wait in the queue too.
  asio::awaitable<Result<Json>> execute(std::string command, Json arguments, CallOptions options = {});
  template <class R>
  asio::awaitable<Result<R>> call(Command<R> command, CallOptions options = {}) {
    auto pending = execute(std::move(command.name), std::move(command.arguments), options);
    const Result<Json> reply = co_await std::move(pending);
    if (!reply) co_return fail(reply.error());
    co_return command.parse(*reply);
  }

  /// Thread-safe.
  [[nodiscard]] Subscription subscribe(std::function<void(const Event&)> handler);
  /// Thread-safe.
  bool connected() const;
  const Greeting& greeting() const;
  std::optional<io::PeerCredentials> peer() const;

 private:
  class Connection;
  explicit Client(std::shared_ptr<Connection> connection);
  std::shared_ptr<Connection> connection_;
};

}  // namespace ringside::qmp
