// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio: only clients' own .cpp files and their tests include this.

#include "base/error.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace ringside::io {

namespace asio = boost::asio;

/// `deadline` within what clocks can count: not negative, a year at most.
inline std::chrono::milliseconds bounded(std::chrono::milliseconds deadline) {
  return std::clamp<std::chrono::milliseconds>(deadline, std::chrono::milliseconds(0),
                                               std::chrono::hours(365 * 24));
}

/// The error of something that was not done in the time given: "`what`: not done within 2000 ms".
inline Error deadline_error(const std::string& what, std::chrono::milliseconds deadline) {
  return {Errc::deadline, what + ": not done within " + std::to_string(deadline.count()) + " ms", {}};
}

/// `operation`, cancelled if it is not done within `deadline`. An operation that ignores cancellation is
/// still waited for. Cancelling the caller cancels the operation too, and gives `cancelled`.
template <class T>
asio::awaitable<Result<T>> with_deadline(asio::awaitable<Result<T>> operation,
                                         std::chrono::milliseconds deadline, std::string what) {
  using asio::experimental::awaitable_operators::operator||;
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);  // errors are values, this one too
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    co_return fail(Errc::cancelled, what + ": cancelled");
  asio::steady_timer timer(co_await asio::this_coro::executor, bounded(deadline));
  // Each awaitable is named: GCC 12 destroys non-trivial temporaries of a co_await expression twice.
  auto expiry = timer.async_wait(asio::as_tuple(asio::use_awaitable));
  auto race = std::move(operation) || std::move(expiry);
  auto winner = co_await std::move(race);
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (winner.index() == 0) co_return std::move(std::get<0>(winner));
  // The timer ends early only if it was cancelled from outside.
  if (std::get<0>(std::get<1>(winner))) co_return fail(Errc::cancelled, what + ": cancelled");
  co_return fail(deadline_error(what, deadline));
}

}  // namespace ringside::io
