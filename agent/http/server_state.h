// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio: only the server's own .cpp files include this.

#include "agent/http/access.h"
#include "agent/http/http_server.h"
#include "agent/http/routes.h"
#include "base/io/listener.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <future>
#include <set>

namespace ringside::agent {

/// What the server's connections share. But for the counters, used on the loop's thread only.
class HttpServer::Impl {
 public:
  Impl(io::EventLoop& loop, ListenOptions how, AgentApi& agent);

  io::asio::any_io_executor executor;
  ListenOptions options;
  AgentApi& api;
  bool tls = false;
  http::NetworkAccess network;
  uid_t own_uid;
  gid_t socket_group;
  std::unique_ptr<io::Listener> listener;
  io::asio::thread_pool workers;

  std::set<io::Stream*> streams;
  std::set<io::asio::steady_timer*> sleeping;  ///< event streams without an event
  std::size_t event_streams = 0, queries = 0;
  bool stopping = false;
  std::promise<void> all_gone;  ///< kept when stopping and no coroutine is left
  std::size_t coroutines = 0;

  std::atomic<std::uint64_t> connections{0}, refused{0}, requests{0}, too_slow{0}, streams_cut{0};

  void begin() { ++coroutines; }
  void end();
  void stop();
  bool is_unix() const { return !options.path.empty(); }
};

namespace http {

/// Serves one connection to its end.
io::asio::awaitable<void> serve(std::shared_ptr<HttpServer::Impl> server, std::unique_ptr<io::Stream> stream);

/// Server-sent events (HTML Standard, 9.2) until the client goes, does not keep up, or the server stops.
io::asio::awaitable<void> send_events(HttpServer::Impl& server, io::Stream& stream);

}  // namespace http

}  // namespace ringside::agent
