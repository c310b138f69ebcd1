// SPDX-License-Identifier: Apache-2.0
#include "agent/http/server_state.h"
#include "base/io/deadline.h"

#include <boost/asio/post.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <optional>
#include <string>

namespace ringside::agent::http {

namespace {

namespace asio = io::asio;
namespace beast = boost::beast;
using Clock = std::chrono::steady_clock;
using Parser = beast::http::request_parser<beast::http::string_body>;
using Impl = HttpServer::Impl;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

/// Keeps count of one thing for as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::size_t& count_;
};

class Connection {
 public:
  Connection(Impl& server, io::Stream& stream) : server_(server), stream_(stream) {}

  asio::awaitable<void> run();

 private:
  const HttpLimits& limits() const { return server_.options.limits; }
  bool admit();
  /// Into `received_`.
  asio::awaitable<Result<void>> read_some(std::chrono::milliseconds time);
  /// False: it ended, was cut off, or was refused (`refusal` says how, if the client is to be told).
  asio::awaitable<bool> read_request(Parser& parser, std::optional<Response>& refusal);
  Response refusal_of(const beast::error_code& error) const;
  Result<Request> request_of(const Parser::value_type& message) const;
  asio::awaitable<Response> call(const Routed& routed, const Request& request);
  asio::awaitable<bool> write(const Response& response, bool keep_alive);

  Impl& server_;
  io::Stream& stream_;
  Access access_;         ///< at a Unix socket: of the connection
  std::string received_;  ///< and not parsed yet
};

/// Counts the connection in or refuses it. The reserve keeps a way in for those who run the agent.
bool Connection::admit() {
  const std::size_t others = server_.streams.size() - 1;
  if (server_.is_unix()) {
    const auto peer = stream_.peer();
    if (!peer) return false;
    access_ = access_of_peer(*peer, stream_.peer_groups(), server_.own_uid, server_.socket_group);
    if (access_.caller.may_write) return others < limits().connections + limits().reserve;
  }
  return others < limits().connections;
}

asio::awaitable<Result<void>> Connection::read_some(std::chrono::milliseconds time) {
  std::array<char, 8192> buffer;  // NOLINT: filled by what is read
  auto reading = stream_.read_some(asio::buffer(buffer));
  auto bounded = io::with_deadline(std::move(reading), time, "reading");
  const auto count = co_await std::move(bounded);
  if (!count) co_return fail(count.error());
  received_.append(buffer.data(), *count);
  co_return Result<void>{};
}

Response Connection::refusal_of(const beast::error_code& error) const {
  using Code = beast::http::error;
  if (error == Code::header_limit || error == Code::buffer_overflow)
    return error_response(431, "oversized", "the header is too long");
  if (error == Code::body_limit) return error_response(413, "oversized", "the body is too long");
  return error_response(400, "malformed", "this is no HTTP request: " + error.message());
}

asio::awaitable<bool> Connection::read_request(Parser& parser, std::optional<Response>& refusal) {
  parser.header_limit(static_cast<std::uint32_t>(limits().header_bytes));
  parser.body_limit(limits().body_bytes);
  parser.eager(true);
  if (received_.empty()) {
    const auto begun = co_await read_some(limits().idle_time);
    if (!begun) co_return false;
  }
  const auto until = Clock::now() + limits().request_time;
  for (;;) {
    beast::error_code error;
    const std::size_t used = parser.put(asio::buffer(received_), error);
    received_.erase(0, used);
    if (error && error != beast::http::error::need_more) {
      refusal = refusal_of(error);
      co_return false;
    }
    if (parser.is_done()) co_return true;
    // The parser takes a header whole.
    if (!parser.is_header_done() && received_.size() > limits().header_bytes) {
      refusal = error_response(431, "oversized", "the header is too long");
      co_return false;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    const auto more = co_await read_some(left);
    if (more) continue;
    if (more.error().code == Errc::deadline) {
      ++server_.too_slow;
      refusal = error_response(408, "deadline", "the request took too long to arrive");
    }
    co_return false;
  }
}

std::string text_of(beast::string_view view) {
  return std::string(view.data(), view.size());
}

Result<Request> Connection::request_of(const Parser::value_type& message) const {
  using beast::http::field;
  Request request;
  request.method = text_of(message.method_string());
  RINGSIDE_TRY(request.target, parse_target(text_of(message.target())));
  request.content_type = text_of(message[field::content_type]);
  request.body = message.body();
  Access access = access_;
  if (!server_.is_unix())
    access = access_of_network(server_.network, stream_.peer_certificate(),
                               text_of(message[field::authorization]));
  request.caller = std::move(access.caller);
  request.may_read = access.may_read;
  return request;
}

asio::awaitable<Response> Connection::call(const Routed& routed, const Request& request) {
  const bool query = routed.route->work == Route::Work::query;
  if (query && server_.queries >= limits().queries)
    co_return error_response(503, "unavailable", "too many queries run already", "try again later");
  std::optional<Counted> counted;
  if (query) counted.emplace(server_.queries);
  /// The call runs elsewhere; this waits on a timer that its end cancels. The request outlives it: it is
  /// always waited for.
  struct Pending {
    explicit Pending(const asio::any_io_executor& executor) : done(executor, Clock::time_point::max()) {}
    asio::steady_timer done;
    std::optional<Response> response;
  };
  Pending pending(server_.executor);
  asio::post(server_.workers, [&server = server_, &pending, &routed, &request] {
    Response response = answer(server.api, routed, request);
    asio::post(server.executor, [&pending, response = std::move(response)]() mutable {
      pending.response = std::move(response);
      pending.done.cancel();
    });
  });
  while (!pending.response) co_await pending.done.async_wait(kTuple);
  co_return std::move(*pending.response);
}

asio::awaitable<bool> Connection::write(const Response& response, bool keep_alive) {
  ++server_.requests;
  const std::string text = head_of(response, keep_alive) + response.body;
  auto writing = stream_.write_all(asio::buffer(text));
  auto bounded = io::with_deadline(std::move(writing), limits().write_time, "writing");
  const auto written = co_await std::move(bounded);
  if (!written && written.error().code == Errc::deadline) ++server_.too_slow;
  co_return written.has_value();
}

asio::awaitable<void> Connection::run() {
  if (!admit()) {
    ++server_.refused;
    const Response busy = error_response(503, "unavailable", "too many connections", "close some");
    if (server_.tls) co_return;  // no handshake for it
    co_await write(busy, false);
    co_return;
  }
  auto shaking = stream_.handshake();
  auto bounded = io::with_deadline(std::move(shaking), limits().request_time, "TLS handshake");
  if (const auto shaken = co_await std::move(bounded); !shaken) {
    if (shaken.error().code == Errc::deadline) ++server_.too_slow;
    co_return;
  }
  while (!server_.stopping) {
    Parser parser;
    std::optional<Response> refusal;
    if (!co_await read_request(parser, refusal)) {
      if (refusal) co_await write(*refusal, false);
      co_return;
    }
    const auto& message = parser.get();
    const auto request = request_of(message);
    if (!request) {
      const Response malformed = error_response(request.error());
      co_await write(malformed, false);
      co_return;
    }
    Response response;
    if (!server_.is_unix() && !server_.network.required &&
        !names_loopback(text_of(message[beast::http::field::host]))) {
      response = error_response(421, "permission", "the request is for another host",
                                "write localhost or 127.0.0.1 into the URL");
    } else if (const Routed routed = find_route(*request); routed.route == nullptr) {
      response = routed.refusal;
    } else if (routed.route->work == Route::Work::stream) {
      if (server_.event_streams < limits().event_streams) {
        const Counted counted(server_.event_streams);
        co_await send_events(server_, stream_);
        co_return;
      }
      response = error_response(503, "unavailable", "too many clients follow events already");
    } else {
      response = co_await call(routed, *request);
    }
    if (!co_await write(response, message.keep_alive()) || !message.keep_alive()) co_return;
  }
}

}  // namespace

asio::awaitable<void> serve(std::shared_ptr<HttpServer::Impl> server, std::unique_ptr<io::Stream> stream) {
  co_await asio::this_coro::throw_if_cancelled(false);
  server->streams.insert(stream.get());
  if (!server->stopping) {
    Connection connection(*server, *stream);
    auto running = connection.run();
    co_await std::move(running);
  }
  server->streams.erase(stream.get());
  stream->close();
  stream.reset();
  server->end();
}

}  // namespace ringside::agent::http
