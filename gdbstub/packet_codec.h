// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::gdbstub {

/// The byte that stops a running target (GDB manual, "Interrupts"). It stands outside any packet.
inline constexpr char kInterrupt = '\x03';

/// `$payload#cc`, with `#`, `$`, `}` and `*` escaped (GDB manual, "Remote Protocol: Overview").
std::string encode_packet(std::string_view payload);

/// What stands next in the byte stream from the stub.
struct Frame {
  enum class Kind {
    ack,           ///< `+`
    nak,           ///< `-`: the stub saw a bad checksum and wants the last packet again
    packet,        ///< a whole `$` packet with a good checksum; it must be acknowledged
    notification,  ///< a whole `%` packet with a good checksum; it is never acknowledged
    damaged,       ///< a `$` packet whose checksum is wrong; ask for it again with `-`
  };
  Kind kind{};
  std::string payload;  ///< escapes and run lengths undone; packet and notification only

  bool operator==(const Frame&) const = default;
};

/// Finds frames in the bytes that a stub sends, however they are split.
class PacketDecoder {
 public:
  /// QEMU sends 0x1000 bytes at most (MAX_PACKET_LENGTH); the bound holds before and after run lengths are
  /// undone.
  static constexpr std::size_t kMaxPayload = 64 * 1024;

  explicit PacketDecoder(std::size_t max_payload = kMaxPayload) : max_payload_(max_payload) {}

  /// Takes bytes off the front of `input` until one frame is whole; nullopt when more bytes are needed.
  /// Errors: `oversized`, `malformed`. After one the stream's state is unknown: close it.
  Result<std::optional<Frame>> next(std::string_view& input);

 private:
  enum class State { idle, payload, first_digit, second_digit };

  Result<std::optional<Frame>> finish(char second_digit);
  Result<std::string> decode() const;

  std::size_t max_payload_;
  State state_ = State::idle;
  bool notification_ = false;
  char first_digit_ = 0;
  std::string raw_;  ///< between `$` and `#`, as it came
};

}  // namespace ringside::gdbstub
