// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio: only clients' own .cpp files and their tests include this.

#include "base/error.h"
#include "base/io/event_loop.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <future>
#include <utility>

namespace ringside::io {

namespace asio = boost::asio;

asio::any_io_executor executor(EventLoop& loop);

/// Runs `work` on the loop and waits for its result; `cancelled` if the loop ends first. Never call it from
/// the loop's own thread.
template <class T>
Result<T> run_blocking(EventLoop& loop, asio::awaitable<Result<T>> work) {
  try {
    return asio::co_spawn(executor(loop), std::move(work), asio::use_future).get();
  } catch (const std::future_error&) {  // broken promise: the loop destroyed the coroutine
    return fail(Errc::cancelled, "the event loop has ended");
  }
}

}  // namespace ringside::io
