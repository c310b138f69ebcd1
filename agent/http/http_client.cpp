// SPDX-License-Identifier: Apache-2.0
#include "agent/http/http_client.h"

#include "agent/http/blocking_call.h"
#include "agent/http/event_parser.h"
#include "agent/http/message.h"
#include "agent/version.h"
#include "base/io/deadline.h"
#include "base/io/stream.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>

#include <array>

namespace ringside::agent {

namespace asio = io::asio;
namespace beast = boost::beast;

struct HttpClient::Impl {
  using Parser = beast::http::response_parser<beast::http::string_body>;

  Impl(io::EventLoop& loop, Options how) : options(std::move(how)), calls(loop) {}

  Options options;
  http::BlockingCalls calls;

  std::string text_of(std::string_view method, const std::string& target, const std::string& body,
                      std::string_view type) const;
  asio::awaitable<Result<std::unique_ptr<io::Stream>>> send(std::string text);
  static asio::awaitable<Result<std::string>> read_some(io::Stream& stream);
  /// Reads on until the header, or all, is there. `received` keeps what is beyond.
  asio::awaitable<Result<void>> read(io::Stream& stream, Parser& parser, std::string& received,
                                     bool all) const;
  asio::awaitable<Result<Answer>> exchange(std::string text);
  asio::awaitable<Result<std::unique_ptr<io::Stream>>> begin_stream(std::string text, std::string& received);
  asio::awaitable<Result<void>> follow(std::string text, EventHandler handler);
};

std::string HttpClient::Impl::text_of(std::string_view method, const std::string& target,
                                      const std::string& body, std::string_view type) const {
  std::string text =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: ringside/{}\r\nConnection: close\r\n", method,
                  target, options.host, kVersion);
  for (const auto& [name, value] : options.headers) text += fmt::format("{}: {}\r\n", name, value);
  if (method != "GET") text += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", type, body.size());
  return text + "\r\n" + body;
}

asio::awaitable<Result<std::unique_ptr<io::Stream>>> HttpClient::Impl::send(std::string text) {
  auto connecting = io::connect(options.endpoint, options.timeout);
  RINGSIDE_CO_TRY(auto stream, co_await std::move(connecting));
  auto writing = stream->write_all(asio::buffer(text));
  RINGSIDE_CO_CHECK(co_await std::move(writing));
  co_return std::move(stream);
}

asio::awaitable<Result<std::string>> HttpClient::Impl::read_some(io::Stream& stream) {
  std::array<char, 16 * 1024> buffer;  // NOLINT: filled by what is read
  auto reading = stream.read_some(asio::buffer(buffer));
  const auto count = co_await std::move(reading);
  if (!count) co_return fail(count.error());
  co_return std::string(buffer.data(), *count);
}

asio::awaitable<Result<void>> HttpClient::Impl::read(io::Stream& stream, Parser& parser,
                                                     std::string& received, bool all) const {
  parser.body_limit(options.largest_answer);
  parser.eager(all);
  beast::error_code error;
  while (all ? !parser.is_done() : !parser.is_header_done()) {
    auto reading = read_some(stream);
    auto more = co_await std::move(reading);
    if (!more && more.error().code == Errc::closed) {
      if (parser.got_some()) parser.put_eof(error);  // an answer without a length ends so
      if (error || !parser.is_done())
        co_return fail(Errc::closed, "the peer closed the connection in its answer");
      break;
    }
    if (!more) co_return fail(std::move(more).error());
    received += *more;
    received.erase(0, parser.put(asio::buffer(received), error));
    if (error == beast::http::error::body_limit) co_return fail(Errc::oversized, "the answer is too long");
    if (error && error != beast::http::error::need_more)
      co_return fail(Errc::malformed, "the answer is no HTTP: " + error.message());
  }
  co_return Result<void>{};
}

asio::awaitable<Result<HttpClient::Answer>> HttpClient::Impl::exchange(std::string text) {
  RINGSIDE_CO_TRY(auto stream, co_await send(std::move(text)));
  Parser parser;
  std::string received;
  auto reading = read(*stream, parser, received, true);
  RINGSIDE_CO_CHECK(co_await std::move(reading));
  co_return Answer{parser.get().result_int(), std::move(parser.get().body())};
}

asio::awaitable<Result<std::unique_ptr<io::Stream>>> HttpClient::Impl::begin_stream(std::string text,
                                                                                    std::string& received) {
  RINGSIDE_CO_TRY(auto stream, co_await send(std::move(text)));
  Parser parser;
  auto head = read(*stream, parser, received, false);
  RINGSIDE_CO_CHECK(co_await std::move(head));
  if (parser.get().result_int() != 200) {
    parser.eager(true);
    beast::error_code error;
    received.erase(0, parser.put(asio::buffer(received), error));
    auto rest = read(*stream, parser, received, true);
    RINGSIDE_CO_CHECK(co_await std::move(rest));
    co_return fail(http::error_of(parser.get().result_int(), parser.get().body()));
  }
  if (parser.chunked())
    co_return fail(Errc::unsupported, "this event stream comes in chunks: it is no agent's");
  co_return std::move(stream);
}

asio::awaitable<Result<void>> HttpClient::Impl::follow(std::string text, EventHandler handler) {
  std::string received;
  auto beginning = begin_stream(std::move(text), received);
  auto in_time = io::with_deadline(std::move(beginning), options.timeout, "asking for events");
  RINGSIDE_CO_TRY(auto stream, co_await std::move(in_time));
  http::EventParser events(options.largest_event);
  for (;;) {
    RINGSIDE_CO_TRY(const bool on, events.feed(received, handler));
    if (!on) co_return Result<void>{};
    auto reading = read_some(*stream);
    auto bounded = io::with_deadline(std::move(reading), options.silence, "waiting for events");
    RINGSIDE_CO_TRY(received, co_await std::move(bounded));
  }
}

HttpClient::HttpClient(io::EventLoop& loop, Options options)
    : impl_(std::make_shared<Impl>(loop, std::move(options))) {}

HttpClient::~HttpClient() = default;

Result<HttpClient::Answer> HttpClient::request(std::string_view method, const std::string& target,
                                               const std::string& body, std::string_view type) {
  auto exchange = impl_->exchange(impl_->text_of(method, target, body, type));
  return impl_->calls.run(
      io::with_deadline(std::move(exchange), impl_->options.timeout, fmt::format("{} {}", method, target)));
}

namespace {
Result<Json> document_of(Result<HttpClient::Answer> answer) {
  if (!answer) return fail(std::move(answer).error());
  if (answer->status / 100 != 2) return fail(http::error_of(answer->status, answer->body));
  Json document = Json::parse(answer->body, nullptr, false);
  if (document.is_discarded()) return fail(Errc::malformed, "the agent's answer is no JSON");
  return document;
}
}  // namespace

Result<Json> HttpClient::get(const std::string& target) {
  return document_of(request("GET", target, {}));
}

Result<Json> HttpClient::post(const std::string& target, const Json& body) {
  return document_of(request("POST", target, body.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

Result<void> HttpClient::stream(const std::string& target, EventHandler handler) {
  return impl_->calls.run(impl_->follow(impl_->text_of("GET", target, {}, {}), std::move(handler)));
}

void HttpClient::cancel() {
  impl_->calls.cancel();
}

}  // namespace ringside::agent
