// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/agent_api.h"
#include "agent/http/listen_options.h"
#include "base/error.h"
#include "base/io/event_loop.h"

#include <cstdint>
#include <memory>
#include <string>

namespace ringside::agent {

/// Offers an AgentApi over HTTP/1.1 (docs/openapi.yaml). I/O runs on the loop, calls of the API on threads of
/// the server's own.
class HttpServer {
 public:
  struct Statistics {
    std::uint64_t connections = 0;  ///< accepted, ever
    std::uint64_t refused = 0;      ///< of these: there were too many
    std::uint64_t requests = 0;     ///< answered
    std::uint64_t too_slow = 0;     ///< cut off: a request not sent, or an answer not taken, in time
    std::uint64_t streams_cut = 0;  ///< event streams whose client did not keep up
  };

  /// Loop and API must outlive the server. Fails if it is to listen where it must not, or cannot.
  static Result<std::unique_ptr<HttpServer>> start(io::EventLoop& loop, ListenOptions options, AgentApi& api);
  /// Closes all connections and waits for calls of the API that run. Not from the loop's thread.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// "/run/ringside/control.sock", "http://127.0.0.1:9273", "https://...": with the port that it got.
  const std::string& where() const { return where_; }
  std::uint16_t port() const { return port_; }
  Statistics statistics() const;

  class Impl;

 private:
  HttpServer(std::shared_ptr<Impl> impl, std::string where, std::uint16_t port);
  std::shared_ptr<Impl> impl_;
  std::string where_;
  std::uint16_t port_;
};

}  // namespace ringside::agent
