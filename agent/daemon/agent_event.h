// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/store/finding_record.h"

#include <optional>
#include <string>
#include <string_view>

namespace ringside::agent {

/// Something that the daemon says: to `ringside watch`, to server-sent events and, where it is about a
/// finding, to outputs.
struct AgentEvent {
  enum class Kind {
    finding_opened,
    finding_resolved,
    finding_acknowledged,
    guest,   ///< attached, detached, reset, stopped, resumed, ...: `what` is one word
    action,  ///< done or refused
    agent,   ///< reload, shutdown
  };
  Kind kind;
  Moment at{};
  std::string guest, guest_name;         ///< empty for `agent`
  std::string what;                      ///< one word for programs
  std::string text;                      ///< one line for people
  std::optional<FindingRecord> finding;  ///< of the finding kinds and of `action`
};

std::string_view to_string(AgentEvent::Kind kind);  ///< "finding.opened", "guest", ...
Json to_json(const AgentEvent& event);

}  // namespace ringside::agent
