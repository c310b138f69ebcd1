// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/session_machine.h"

#include "base/bytes.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>

namespace ringside::gdbstub {

namespace {
std::atomic<std::uint64_t> sent{0};
}  // namespace

std::uint64_t packets_sent() {
  return sent.load(std::memory_order_relaxed);
}

bool is_stop_reply(std::string_view payload) {
  return !payload.empty() && std::string_view("TSWX").find(payload.front()) != std::string_view::npos;
}

Result<void> SessionMachine::request(std::string_view payload, Answer answer) {
  if (failed()) return fail(Errc::closed, "the connection to the gdbstub has ended");
  if (running())
    return fail(Errc::invalid_argument, "the guest is running under the gdbstub",
                "wait for it to stop or interrupt it");
  if (state_ != State::idle) return fail(Errc::invalid_argument, "another gdbstub request is under way");
  last_packet_ = encode_packet(payload);
  unsent_ += last_packet_;
  sent.fetch_add(1, std::memory_order_relaxed);
  answer_ = answer;
  sent_again_ = 0;
  reply_ = {};
  state_ = State::sent;
  return {};
}

Result<void> SessionMachine::interrupt() {
  if (failed()) return fail(Errc::closed, "the connection to the gdbstub has ended");
  // Towards a stopped target QEMU would drop the byte, and no stop reply would ever come.
  if (!running() || state_ != State::acknowledged)
    return fail(Errc::invalid_argument, "the guest is not running under the gdbstub");
  unsent_ += kInterrupt;
  return {};
}

Result<void> SessionMachine::receive(std::string_view bytes) {
  if (failed()) return fail(Errc::closed, "the connection to the gdbstub has ended");
  while (!bytes.empty()) {
    auto frame = decoder_.next(bytes);
    Result<void> handled;
    if (!frame) {
      handled = fail(std::move(frame).error());
    } else if (*frame) {
      handled = handle(**std::move(frame));
    }
    if (!handled) {
      abandon();
      return handled;
    }
  }
  return {};
}

Result<void> SessionMachine::handle(Frame frame) {
  switch (frame.kind) {
    case Frame::Kind::ack:
      if (state_ == State::sent) state_ = State::acknowledged;
      return {};
    case Frame::Kind::nak:
      return retransmit();
    case Frame::Kind::damaged:
      if (++asked_again_ > kMaxRetries)
        return fail(Errc::malformed,
                    fmt::format("the stub sent a packet with a wrong checksum {} times", asked_again_));
      unsent_ += '-';
      return {};
    case Frame::Kind::notification:
      return {};  // only non-stop mode has them, which is never asked for
    case Frame::Kind::packet:
      asked_again_ = 0;
      unsent_ += '+';
      return handle_packet(std::move(frame.payload));
  }
  return {};
}

Result<void> SessionMachine::retransmit() {
  if (state_ != State::sent) return {};  // what it has acknowledged must not be done twice
  if (++sent_again_ > kMaxRetries)
    return fail(Errc::malformed, fmt::format("the stub refused a packet's checksum {} times", sent_again_));
  unsent_ += last_packet_;
  sent.fetch_add(1, std::memory_order_relaxed);
  return {};
}

Result<void> SessionMachine::handle_packet(std::string payload) {
  // The stub acknowledges a packet before it acts on it, so a stop reply ahead of the acknowledgement belongs
  // to something that happened before the request.
  if (is_stop_reply(payload) && !(state_ == State::acknowledged && answer_ == Answer::stop)) {
    unasked_stop_ = std::move(payload);
    return {};
  }
  if (payload.starts_with('O') && payload != "OK") return collect(std::string_view(payload).substr(1));
  if (state_ != State::acknowledged)
    return fail(Errc::malformed,
                "the stub sent a reply to a request that it had not acknowledged or not been sent");
  reply_.payload = std::move(payload);
  state_ = State::answered;
  return {};
}

Result<void> SessionMachine::collect(std::string_view hex) {
  const auto bytes = from_hex(hex);
  if (!bytes) return fail(Errc::malformed, "the stub sent console output that is no hexadecimal");
  if (!busy() || answer_ == Answer::stop) return {};  // output of the target itself, which nobody waits for
  if (bytes->size() > kMaxOutput - reply_.output.size())
    return fail(Errc::oversized,
                fmt::format("the stub sent more than {} bytes of console output", kMaxOutput));
  reply_.output.append(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  return {};
}

std::string SessionMachine::take_unsent() {
  return std::exchange(unsent_, {});
}

std::optional<Reply> SessionMachine::take_reply() {
  if (state_ != State::answered) return std::nullopt;
  state_ = State::idle;
  return std::exchange(reply_, {});
}

std::optional<std::string> SessionMachine::take_unasked_stop() {
  return std::exchange(unasked_stop_, std::nullopt);
}

}  // namespace ringside::gdbstub
