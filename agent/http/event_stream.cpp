// SPDX-License-Identifier: Apache-2.0
#include "agent/http/event_queue.h"
#include "agent/http/server_state.h"
#include "base/io/deadline.h"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <array>

namespace ringside::agent::http {

namespace {

namespace asio = io::asio;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nServer: ringside\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n: events of ringside follow\n\n";

std::string as_text(const AgentEvent& event) {
  return fmt::format("event: {}\ndata: {}\n\n", to_string(event.kind),
                     to_json(event).dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// What sends to one client. A timer stands for "there is something to send".
class EventStream {
 public:
  EventStream(HttpServer::Impl& server, io::Stream& stream)
      : server_(server),
        stream_(stream),
        wakeup_(std::make_shared<asio::steady_timer>(server.executor)),
        queue_(std::make_shared<EventQueue>(server.options.limits.event_queue,
                                            [executor = server.executor, wakeup = wakeup_] {
                                              asio::post(executor, [wakeup] { wakeup->cancel(); });
                                            })) {
    server_.sleeping.insert(wakeup_.get());
  }
  ~EventStream() {
    queue_->close();
    server_.sleeping.erase(wakeup_.get());
  }
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  std::function<void(const AgentEvent&)> handler() {
    return [queue = queue_](const AgentEvent& event) { queue->push(as_text(event)); };
  }

  asio::awaitable<Result<void>> pump() {
    const HttpLimits& limits = server_.options.limits;
    std::string text(kHead);
    for (;;) {
      if (!text.empty()) {
        auto writing = stream_.write_all(asio::buffer(text));
        auto bounded = io::with_deadline(std::move(writing), limits.write_time, "writing");
        const auto written = co_await std::move(bounded);
        if (!written) co_return written;
      }
      if (server_.stopping) co_return Result<void>{};
      const bool overflowed = queue_->overflowed();  // before take(): what waits was before what was lost
      text = queue_->take();
      if (overflowed) {
        text +=
            "event: cut\ndata: {\"why\":\"too slow: more events waited than the agent keeps for one client; "
            "read the findings, and connect again\"}\n\n";
        auto writing = stream_.write_all(asio::buffer(text));
        auto bounded = io::with_deadline(std::move(writing), limits.write_time, "writing");
        co_await std::move(bounded);
        co_return fail(Errc::oversized, "too slow");
      }
      if (!text.empty()) continue;
      wakeup_->expires_after(limits.heartbeat);
      const auto [woken] = co_await wakeup_->async_wait(kTuple);
      if (!woken) text = ": still here\n\n";
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) co_return fail(Errc::cancelled, "cancelled");
    }
  }

  /// Ends when the client goes. What it sends is not read for its sense.
  asio::awaitable<Result<void>> watch() {
    std::array<char, 256> ignored;  // NOLINT: never looked at
    for (;;) {
      const auto count = co_await stream_.read_some(asio::buffer(ignored));
      if (!count) co_return fail(count.error());
    }
  }

 private:
  HttpServer::Impl& server_;
  io::Stream& stream_;
  std::shared_ptr<asio::steady_timer> wakeup_;
  std::shared_ptr<EventQueue> queue_;
};

}  // namespace

asio::awaitable<void> send_events(HttpServer::Impl& server, io::Stream& stream) {
  using asio::experimental::awaitable_operators::operator||;
  EventStream events(server, stream);
  const auto subscription = server.api.subscribe(events.handler());
  auto pumping = events.pump();
  auto watching = events.watch();
  auto race = std::move(pumping) || std::move(watching);
  const auto winner = co_await std::move(race);
  if (winner.index() != 0) co_return;
  const auto& sent = std::get<0>(winner);
  if (!sent && (sent.error().code == Errc::oversized || sent.error().code == Errc::deadline))
    ++server.streams_cut;
}

}  // namespace ringside::agent::http
