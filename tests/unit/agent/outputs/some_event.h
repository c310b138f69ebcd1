// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/daemon/agent_event.h"
#include "tests/unit/agent/store/some_finding.h"

#include <string>

namespace ringside::agent {

/// A finding was opened, the `number`th.
inline AgentEvent some_event(int number = 0, AgentEvent::Kind kind = AgentEvent::Kind::finding_opened) {
  FindingRecord finding = some_finding("f" + std::to_string(number));
  finding.id = finding_id(finding);
  finding.title += " (number " + std::to_string(number) + ")";
  finding.severity = policies::Severity::critical;
  finding.first_seen = finding.last_seen = at(number);
  if (kind == AgentEvent::Kind::finding_resolved) {
    finding.state = FindingRecord::State::resolved;
    finding.resolved_at = at(number + 60);
  }
  return {kind, at(number), finding.guest, finding.guest_name, "opened", "", finding};
}

}  // namespace ringside::agent
