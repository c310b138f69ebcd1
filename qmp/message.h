// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace ringside::qmp {

using Json = nlohmann::json;

/// The events that ringside itself acts on; every other event is `other`.
enum class EventKind { reset, stop, resume, shutdown, other };

/// An asynchronous message of the monitor (QEMU docs/interop/qmp-spec.rst, section "Asynchronous events").
struct Event {
  EventKind kind = EventKind::other;
  std::string name;                       ///< as QEMU spells it, e.g. "STOP"
  Json data;                              ///< null where the event carries none
  std::chrono::microseconds timestamp{};  ///< since the epoch, host time
};

/// What a monitor says of itself on connect.
struct Greeting {
  int major = 0, minor = 0, micro = 0;
  std::string package;  ///< distribution's version text, e.g. "Debian 1:7.2+dfsg-7+deb12u18"
  bool oob = false;     ///< offers out-of-band execution
};

/// Reply to the command with this id.
struct Reply {
  std::uint64_t id = 0;
  Json value;  ///< of "return"
};

/// Error reply to the command with this id; no id when QEMU could not parse what it was sent.
struct ErrorReply {
  std::optional<std::uint64_t> id;
  std::string error_class;  ///< "CommandNotFound", "GenericError", ...
  std::string description;
};

using Message = std::variant<Greeting, Event, Reply, ErrorReply>;

}  // namespace ringside::qmp
