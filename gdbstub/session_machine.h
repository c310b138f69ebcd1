// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "gdbstub/packet_codec.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::gdbstub {

/// What answers a request.
enum class Answer {
  reply,  ///< one packet that is no stop reply; console output (`O`) before it is collected
  stop,   ///< a stop reply, as long as it may take: the target runs until then
};

/// The answer to one request.
struct Reply {
  std::string payload;
  std::string output;  ///< decoded `O` packets

  bool operator==(const Reply&) const = default;
};

/// True for `T`, `S`, `W` and `X` packets. No reply that ringside asks for begins with one of these letters.
bool is_stop_reply(std::string_view payload);

/// Packets that all conversations of this program have sent, those sent again included. Thread-safe.
std::uint64_t packets_sent();

/// A conversation with a stub, without a socket: one request at a time, acknowledgements, retransmission. The
/// caller sends what take_unsent() gives and passes in what it receives. After an error the stream's state is
/// unknown and every later call fails with `closed`.
class SessionMachine {
 public:
  static constexpr int kMaxRetries = 3;                       ///< of one packet, in either direction
  static constexpr std::size_t kMaxOutput = 4 * 1024 * 1024;  ///< of one request's `O` packets

  /// `invalid_argument` while another request waits for its answer.
  Result<void> request(std::string_view payload, Answer answer);
  /// Asks a running target to stop; its stop reply is the answer to the request that let it run.
  Result<void> interrupt();
  /// Errors: `malformed`, `oversized`.
  Result<void> receive(std::string_view bytes);

  std::string take_unsent();
  /// The stub has the request; for Answer::stop this means that the target runs.
  bool acknowledged() const { return state_ == State::acknowledged || state_ == State::answered; }
  /// A request can be sent.
  bool ready() const { return state_ == State::idle; }
  /// A request waits for its answer.
  bool busy() const { return state_ == State::sent || state_ == State::acknowledged; }
  /// A request that lets the target run waits for its stop reply.
  bool running() const { return busy() && answer_ == Answer::stop; }
  std::optional<Reply> take_reply();
  /// The latest stop reply that nobody asked for. QEMU up to 8.0 sends one when a client connects, and one
  /// whenever someone else stops the guest (gdbstub.c, gdb_vm_state_change).
  std::optional<std::string> take_unasked_stop();
  /// Ends the conversation: for a lost stream or a deadline.
  void abandon() { state_ = State::failed; }
  bool failed() const { return state_ == State::failed; }

 private:
  enum class State { idle, sent, acknowledged, answered, failed };

  Result<void> handle(Frame frame);
  Result<void> handle_packet(std::string payload);
  Result<void> collect(std::string_view hex);
  Result<void> retransmit();

  PacketDecoder decoder_;
  State state_ = State::idle;
  Answer answer_ = Answer::reply;
  std::string last_packet_;  ///< framed, for retransmission
  int sent_again_ = 0;
  int asked_again_ = 0;
  Reply reply_;
  std::optional<std::string> unasked_stop_;
  std::string unsent_;
};

}  // namespace ringside::gdbstub
