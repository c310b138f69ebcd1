// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/agent_event.h"

#include "agent/output/format.h"

namespace ringside::agent {

std::string_view to_string(AgentEvent::Kind kind) {
  switch (kind) {
    case AgentEvent::Kind::finding_opened:
      return "finding.opened";
    case AgentEvent::Kind::finding_resolved:
      return "finding.resolved";
    case AgentEvent::Kind::finding_acknowledged:
      return "finding.acknowledged";
    case AgentEvent::Kind::guest:
      return "guest";
    case AgentEvent::Kind::action:
      return "action";
    case AgentEvent::Kind::agent:
      return "agent";
  }
  return "?";
}

Json to_json(const AgentEvent& event) {
  return {{"event", to_string(event.kind)},
          {"at", rfc3339(event.at)},
          {"guest", event.guest},
          {"guest_name", event.guest_name},
          {"what", event.what},
          {"text", event.text},
          {"finding", event.finding ? to_json(*event.finding) : Json(nullptr)}};
}

}  // namespace ringside::agent
