// SPDX-License-Identifier: Apache-2.0
#include "agent/outputs/network.h"

#include "agent/http/blocking_call.h"
#include "base/io/deadline.h"
#include "base/io/stream.h"

#include <array>

namespace ringside::agent {

namespace asio = io::asio;

struct OutgoingStream::Impl {
  Impl(io::EventLoop& on, io::Endpoint to, std::chrono::milliseconds limit)
      : loop(on), endpoint(std::move(to)), timeout(limit), calls(on) {}

  io::EventLoop& loop;
  io::Endpoint endpoint;
  std::chrono::milliseconds timeout;
  http::BlockingCalls calls;
  std::unique_ptr<io::Stream> stream;  ///< used and destroyed on the loop's thread

  asio::awaitable<Result<void>> write(const std::string& bytes) {
    if (stream) {
      // A peer that has gone shows only when read from; what would be written to it were lost.
      std::array<char, 256> ignored;  // NOLINT: never looked at
      auto reading = stream->read_some(asio::buffer(ignored));
      auto glance = io::with_deadline(std::move(reading), std::chrono::milliseconds(0), "reading");
      const auto read = co_await std::move(glance);
      if (!read && read.error().code != Errc::deadline) stream.reset();
      if (!read && read.error().code == Errc::cancelled) co_return fail(read.error());
    }
    if (!stream) {
      auto connecting = io::connect(endpoint, timeout);
      RINGSIDE_CO_TRY(stream, co_await std::move(connecting));
    }
    auto writing = stream->write_all(asio::buffer(bytes));
    auto bounded = io::with_deadline(std::move(writing), timeout, "writing to " + io::to_string(endpoint));
    auto written = co_await std::move(bounded);
    if (!written) stream.reset();
    co_return written;
  }
};

OutgoingStream::OutgoingStream(io::EventLoop& loop, io::Endpoint endpoint, std::chrono::milliseconds timeout)
    : impl_(std::make_shared<Impl>(loop, std::move(endpoint), timeout)) {}

OutgoingStream::~OutgoingStream() {
  // Not from here: the loop may be busy with the stream.
  asio::post(io::executor(impl_->loop), [impl = impl_] { impl->stream.reset(); });
}

Result<void> OutgoingStream::write(const std::string& bytes) {
  return impl_->calls.run(impl_->write(bytes));
}

void OutgoingStream::cancel() {
  impl_->calls.cancel();
}

}  // namespace ringside::agent
