// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/output/json.h"
#include "base/error.h"
#include "base/io/endpoint.h"
#include "base/io/event_loop.h"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace ringside::agent {

/// A synchronous HTTP/1.1 client: one connection a request. Its methods block, but for cancel(); one at a
/// time.
class HttpClient {
 public:
  struct Options {
    io::Endpoint endpoint;
    std::string host = "localhost";  ///< the Host field
    std::map<std::string, std::string> headers;
    std::chrono::milliseconds timeout{10'000};  ///< of a whole request
    std::size_t largest_answer = 256u << 20;    ///< bytes
    std::size_t largest_event = 8u << 20;
    std::chrono::milliseconds silence{60'000};  ///< an event stream without even a heartbeat ends then
  };
  struct Answer {
    unsigned status = 0;
    std::string body;
  };

  /// The loop must outlive the client; never call from its thread.
  HttpClient(io::EventLoop& loop, Options options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Any status is an answer. Errors: those of connecting, `deadline`, `closed`, `malformed`, `oversized`.
  Result<Answer> request(std::string_view method, const std::string& target, const std::string& body,
                         std::string_view type = "application/json");

  /// A document of ringside's API; another status than 2xx is the error that it tells.
  Result<Json> get(const std::string& target);
  Result<Json> post(const std::string& target, const Json& body);

  /// Server-sent events until `handler` gives false (then success) or the stream ends (`closed`; `cut` events
  /// are events). `handler` runs on the loop's thread.
  using EventHandler = std::function<bool(const std::string& event, const std::string& data)>;
  Result<void> stream(const std::string& target, EventHandler handler);

  /// From any thread: what runs, and all that follows, ends with `cancelled`.
  void cancel();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace ringside::agent
