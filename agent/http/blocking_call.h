// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio: only clients' own .cpp files include this.

#include "base/io/deadline.h"
#include "base/io/event_loop_asio.h"

#include <boost/asio/post.hpp>

#include <memory>
#include <utility>

namespace ringside::agent::http {

namespace asio = io::asio;

/// Runs coroutines on a loop for a caller that waits, and can be called off from another thread.
class BlockingCalls {
 public:
  explicit BlockingCalls(io::EventLoop& loop)
      : loop_(loop), state_(std::make_shared<State>(io::executor(loop))) {}

  /// `cancelled` once cancel() was called. One call at a time.
  template <class T>
  Result<T> run(asio::awaitable<Result<T>> work) {
    return io::run_blocking(loop_, guarded(state_, std::move(work)));
  }

  void cancel() {
    asio::post(io::executor(loop_), [state = state_] {
      state->cancelled = true;
      state->called_off.cancel();
    });
  }

 private:
  struct State {  // used on the loop's thread
    explicit State(const asio::any_io_executor& executor)
        : called_off(executor, asio::steady_timer::time_point::max()) {}
    asio::steady_timer called_off;
    bool cancelled = false;
  };

  // Not a cancellation signal for the coroutine itself: Asio (1.24) ends the program if that comes while
  // co_spawn has not begun to run it yet.
  template <class T>
  static asio::awaitable<Result<T>> guarded(std::shared_ptr<State> state, asio::awaitable<Result<T>> work) {
    using asio::experimental::awaitable_operators::operator||;
    if (state->cancelled) co_return fail(Errc::cancelled, "cancelled");
    auto called_off = state->called_off.async_wait(asio::as_tuple(asio::use_awaitable));
    auto race = std::move(work) || std::move(called_off);
    auto winner = co_await std::move(race);
    if (winner.index() == 0) co_return std::move(std::get<0>(winner));
    co_return fail(Errc::cancelled, "cancelled");
  }

  io::EventLoop& loop_;
  std::shared_ptr<State> state_;
};

}  // namespace ringside::agent::http
