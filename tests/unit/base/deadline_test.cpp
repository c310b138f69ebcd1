// SPDX-License-Identifier: Apache-2.0
#include "base/io/deadline.h"

#include "base/io/event_loop_asio.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <memory>

namespace ringside::io {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

asio::awaitable<Result<int>> never(bool& cancelled) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 24h);
  const auto [error] = co_await timer.async_wait(kTuple);
  cancelled = error == asio::error::operation_aborted;
  co_return fail(Errc::cancelled, "the timer was cancelled");
}

asio::awaitable<Result<std::unique_ptr<int>>> at_once() {
  co_return std::make_unique<int>(7);
}
asio::awaitable<Result<void>> failing() {
  co_return fail(Errc::malformed, "nonsense");
}

TEST(Deadline, GivesTheResultOfWhatIsDoneInTime) {
  EventLoop loop;
  const auto result = run_blocking(loop, with_deadline(at_once(), 24h, "test"));
  ASSERT_TRUE(result);
  EXPECT_EQ(**result, 7);
}

TEST(Deadline, GivesTheErrorOfWhatFailsInTime) {
  EventLoop loop;
  const auto result = run_blocking(loop, with_deadline(failing(), 24h, "test"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::malformed);
}

TEST(Deadline, CancelsWhatIsNotDoneInTime) {
  EventLoop loop;
  bool cancelled = false;
  const auto result = run_blocking(loop, with_deadline(never(cancelled), 5ms, "waiting for ever"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::deadline);
  EXPECT_EQ(result.error().message, "waiting for ever: not done within 5 ms");
  EXPECT_TRUE(cancelled);
}

TEST(Deadline, PassesCancellationFromOutsideOn) {
  EventLoop loop;
  bool cancelled = false;
  asio::cancellation_signal signal;
  auto waiting = asio::co_spawn(executor(loop), with_deadline(never(cancelled), 24h, "test"),
                                asio::bind_cancellation_slot(signal.slot(), asio::use_future));
  asio::post(executor(loop), [&] { signal.emit(asio::cancellation_type::terminal); });
  const auto result = waiting.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::cancelled);
  EXPECT_TRUE(cancelled);
}

TEST(EventLoop, EndingItCancelsWhatStillWaits) {
  bool cancelled = false;
  auto loop = std::make_unique<EventLoop>();
  std::promise<void> started;
  std::thread caller([&] {
    auto work = [](bool& flag, std::promise<void>& running) -> asio::awaitable<Result<int>> {
      running.set_value();
      auto waiting = never(flag);
      co_return co_await std::move(waiting);
    };
    const auto result = run_blocking(*loop, work(cancelled, started));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::cancelled);
  });
  started.get_future().wait();
  loop.reset();
  caller.join();
}

}  // namespace
}  // namespace ringside::io
