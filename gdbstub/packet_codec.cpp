// SPDX-License-Identifier: Apache-2.0
#include "gdbstub/packet_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace ringside::gdbstub {

namespace {

constexpr char kEscape = '}';
constexpr char kRun = '*';
constexpr char kEscapeMask = 0x20;
/// A run-length character n stands for n - 29 more copies (GDB manual, "Overview": run-length encoding).
constexpr int kRunBias = 29;

unsigned checksum(std::string_view raw) {
  return std::accumulate(raw.begin(), raw.end(), 0U,
                         [](unsigned sum, char c) { return (sum + static_cast<unsigned char>(c)) & 0xffU; });
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

char take_front(std::string_view& input) {
  const char c = input.front();
  input.remove_prefix(1);
  return c;
}

}  // namespace

std::string encode_packet(std::string_view payload) {
  std::string raw;
  raw.reserve(payload.size() + 4);
  for (char c : payload) {
    if (c == '#' || c == '$' || c == kEscape || c == kRun) {
      raw += kEscape;
      c = static_cast<char>(c ^ kEscapeMask);
    }
    raw += c;
  }
  return fmt::format("${}#{:02x}", raw, checksum(raw));
}

Result<std::optional<Frame>> PacketDecoder::next(std::string_view& input) {
  while (!input.empty()) {
    switch (state_) {
      case State::idle: {
        const char c = take_front(input);
        if (c == '+') return Frame{Frame::Kind::ack, {}};
        if (c == '-') return Frame{Frame::Kind::nak, {}};
        // Other bytes between packets carry nothing (GDB's remote.c skips them too).
        if (c == '$' || c == '%') {
          notification_ = c == '%';
          raw_.clear();
          state_ = State::payload;
        }
        break;
      }
      case State::payload: {
        const auto length = std::min(input.find_first_of("#$"), input.size());
        if (length > max_payload_ - raw_.size())
          return fail(Errc::oversized,
                      fmt::format("the stub sent a packet of more than {} bytes", max_payload_));
        raw_ += input.substr(0, length);
        input.remove_prefix(length);
        if (input.empty()) break;
        if (input.front() == '#') {
          state_ = State::first_digit;
        } else {  // `$` never stands inside a packet: the rest of the one before was lost
          notification_ = false;
          raw_.clear();
        }
        input.remove_prefix(1);
        break;
      }
      case State::first_digit:
        first_digit_ = take_front(input);
        state_ = State::second_digit;
        break;
      case State::second_digit: {
        state_ = State::idle;
        auto frame = finish(take_front(input));
        if (!frame || *frame) return frame;
        break;
      }
    }
  }
  return std::nullopt;
}

Result<std::optional<Frame>> PacketDecoder::finish(char second_digit) {
  const auto high = hex_digit(first_digit_);
  const auto low = hex_digit(second_digit);
  if (!high || !low || (*high << 4 | *low) != checksum(raw_)) {
    // Nobody can ask for a notification again.
    if (notification_) return std::nullopt;
    return Frame{Frame::Kind::damaged, {}};
  }
  RINGSIDE_TRY(auto payload, decode());
  return Frame{notification_ ? Frame::Kind::notification : Frame::Kind::packet, std::move(payload)};
}

Result<std::string> PacketDecoder::decode() const {
  if (raw_.find_first_of("}*") == std::string::npos) return raw_;  // as most replies are
  std::string payload;
  payload.reserve(raw_.size());
  for (std::size_t i = 0; i < raw_.size(); ++i) {
    std::size_t copies = 1;
    char c = raw_[i];
    if (c == kEscape) {
      if (++i == raw_.size())
        return fail(Errc::malformed, "the stub sent a packet that ends inside an escape");
      c = static_cast<char>(raw_[i] ^ kEscapeMask);
    } else if (c == kRun) {
      if (++i == raw_.size() || payload.empty())
        return fail(Errc::malformed,
                    "the stub sent a run length without a byte to repeat or without a count");
      const int count = static_cast<unsigned char>(raw_[i]) - kRunBias;
      if (count < 3 || count > 97)  // printable characters only
        return fail(Errc::malformed, "the stub sent a run length that is no printable character");
      copies = static_cast<std::size_t>(count);
      c = payload.back();
    }
    if (copies > max_payload_ - payload.size())
      return fail(Errc::oversized, fmt::format("the stub sent a packet of more than {} bytes", max_payload_));
    payload.append(copies, c);
  }
  return payload;
}

}  // namespace ringside::gdbstub
