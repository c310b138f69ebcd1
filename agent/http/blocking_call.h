// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes Asio: only clients' own .cpp files include this.

#include "base/io/event_loop_asio.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include <memory>

namespace ringside::agent::http {

namespace asio = io::asio;

/// Runs coroutines on a loop for a caller that waits, and can be called off from another thread.
class BlockingCalls {
 public:
  explicit BlockingCalls(io::EventLoop& loop) : loop_(loop), state_(std::make_shared<State>()) {}

  /// `cancelled` once cancel() was called. One call at a time.
  template <class T>
  Result<T> run(asio::awaitable<Result<T>> work) {
    try {
      return asio::co_spawn(io::executor(loop_), guarded(state_, std::move(work)),
                            asio::bind_cancellation_slot(state_->signal.slot(), asio::use_future))
          .get();
    } catch (const std::future_error&) {
      return fail(Errc::cancelled, "the event loop has ended");
    } catch (const boost::system::system_error&) {  // cancelled between two steps
      return fail(Errc::cancelled, "cancelled");
    }
  }

  void cancel() {
    asio::post(io::executor(loop_), [state = state_] {
      state->cancelled = true;
      state->signal.emit(asio::cancellation_type::terminal);
    });
  }

 private:
  struct State {  // used on the loop's thread
    asio::cancellation_signal signal;
    bool cancelled = false;
  };

  template <class T>
  static asio::awaitable<Result<T>> guarded(std::shared_ptr<State> state, asio::awaitable<Result<T>> work) {
    if (state->cancelled) co_return fail(Errc::cancelled, "cancelled");
    co_return co_await std::move(work);
  }

  io::EventLoop& loop_;
  std::shared_ptr<State> state_;
};

}  // namespace ringside::agent::http
