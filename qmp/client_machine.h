// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "qmp/codec.h"
#include "qmp/message.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ringside::qmp {

/// The client's half of QMP without I/O (QEMU docs/interop/qmp-spec.rst): greeting, capabilities negotiation,
/// then commands with ids, whose replies may come in any order. The owner moves bytes and time:
///
///     bytes read     -> receive()          next_write()  -> bytes to write
///     stream failed  -> end()              next_action() -> what came of it
///
/// Not thread-safe.
class ClientMachine {
 public:
  struct Options {
    std::size_t message_bound = 16u << 20;
    /// Commands that may be at the monitor at one time. One by default: QEMU runs them one by one anyway, and
    /// a command that was never sent can be withdrawn when its caller gives up, so that no `stop` comes late.
    std::size_t window = 1;
    /// A reply to a former connection's command may still come on this one, so connections start at different
    /// ids.
    std::uint64_t first_id = 1;
  };
  /// Replies to commands that were never given, beyond which the connection ends. A former connection leaves
  /// one or two.
  static constexpr std::size_t kMostStrange = 100;
  using CallId = std::uint64_t;

  /// Life of a call. `abandoned`: sent, but nobody waits any more; its reply is consumed and dropped.
  enum class CallState { waiting, sent, abandoned, done };

  /// One command to be written whole before the next is asked for.
  struct Write {
    CallId id = 0;
    std::string bytes;
    bool operator==(const Write&) const = default;
  };

  struct Ready {};  ///< negotiated: see greeting()
  struct Finished {
    CallId id = 0;
    Result<Json> result;
  };
  struct Ended {
    Error why;
  };
  using Action = std::variant<Ready, Finished, Event, Ended>;

  explicit ClientMachine(Options options);

  /// Queues a command. Errors: `invalid_argument`, `closed` once the connection has ended.
  Result<CallId> submit(std::string_view command, const Json& arguments);
  /// Nobody waits for this call any more. One that was not sent yet never will be.
  void abandon(CallId id);
  CallState state(CallId id) const;

  std::optional<Write> next_write();
  void receive(ByteView bytes);
  /// The stream has failed or was closed: every call that still waits finishes with `why`.
  void end(const Error& why);
  std::optional<Action> next_action();

  /// Set once the monitor has greeted.
  const std::optional<Greeting>& greeting() const { return greeting_; }
  bool ended() const { return ended_.has_value(); }
  /// Replies that nobody waited for: to abandoned calls, or to a former connection's.
  std::size_t dropped_replies() const { return dropped_; }

 private:
  enum class Phase { greeting, negotiating, ready };

  void handle(Greeting&& greeting);
  void handle(Event&& event);
  void handle(Reply&& reply);
  void handle(ErrorReply&& reply);
  void settle(CallId id, Result<Json> result);

  Options options_;
  Decoder decoder_;
  Phase phase_ = Phase::greeting;
  CallId negotiation_;
  CallId next_id_;
  std::optional<Greeting> greeting_;
  std::optional<Write> negotiation_write_;
  std::deque<Write> waiting_;
  std::map<CallId, CallState> in_flight_;  ///< sent or abandoned, oldest first
  std::deque<Action> actions_;
  std::optional<Error> ended_;
  std::size_t dropped_ = 0;
  std::size_t strange_ = 0;  ///< of those, replies to commands that this connection never gave
};

}  // namespace ringside::qmp
