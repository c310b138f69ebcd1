// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "qmp/message.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ringside::qmp {

/// Deepest nesting of a message, QEMU's own bound on what it reads (qobject/json-streamer.c, MAX_NESTING).
/// Copying and printing a Json value recurses, so depth is bounded before it is parsed.
inline constexpr std::size_t kDepthBound = 1024;
/// Longest message before a monitor has greeted: a greeting has some hundred bytes, and whoever sends more is
/// none.
inline constexpr std::size_t kGreetingBound = 64u << 10;
/// Most values in one message: a parsed value takes many times the bytes that it has on the wire.
inline constexpr std::size_t kValueBound = 1u << 20;

/// Turns a monitor's bytes, split anywhere, into messages. Messages are told apart by their outermost braces,
/// so a monitor in pretty mode (messages of many lines) is understood too. Not thread-safe.
class Decoder {
 public:
  explicit Decoder(std::size_t message_bound) : bound_(message_bound) {}

  void feed(ByteView bytes);
  /// The bound of messages from now on, the one that is being read included.
  void set_bound(std::size_t message_bound) { bound_ = message_bound; }
  /// The next complete message, or nullopt if more bytes are needed. Errors: `malformed`, `oversized`; no
  /// message can be told from the next one after an error, so it is given again on every later call.
  Result<std::optional<Message>> next();

 private:
  enum class Scan { incomplete, complete };
  Result<Scan> scan();

  std::size_t bound_;
  std::string buffer_;
  std::size_t start_ = 0;  ///< of the message that is being read
  std::size_t scanned_ = 0;
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  std::optional<Error> error_;
};

/// The kind of the event that QEMU calls `name`.
EventKind event_kind(std::string_view name);

/// One message of a monitor, already known to be one JSON object.
Result<Message> parse_message(std::string_view text);

/// The line that asks for `command`. `invalid_argument` if the arguments are no object or hold text that is
/// not UTF-8.
Result<std::string> encode_command(std::string_view command, const Json& arguments, std::uint64_t id);

}  // namespace ringside::qmp
