// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outputs/origin.h"
#include "agent/outputs/output_config.h"

#include <optional>
#include <string>

namespace ringside::agent {

// What receivers are sent of an event about a finding (`event.finding` must be there).

/// RFC 5424, without framing: facility 10 (security), MSGID the policy, one structured element with the
/// finding, the text in UTF-8. Bounded to 8 KiB, which RFC 5424 leaves to the receiver (2 KiB are to be
/// expected, longer is commonly taken).
std::string syslog_message(const AgentEvent& event, const Origin& origin);

/// What falcosidekick takes (github.com/falcosecurity/falcosidekick, types.FalcoPayload).
Json falco_payload(const AgentEvent& event, const Origin& origin);

/// One alert of POST /api/v2/alerts (github.com/prometheus/alertmanager, api/v2/openapi.yaml). An open one
/// has no end: Alertmanager takes one that it does not hear of for resolve_timeout as resolved, so it is told
/// again while it is open. Labels are the same for all events of a finding.
Json alertmanager_alert(const AgentEvent& event, const Origin& origin);
/// The same of a finding that is open, to be told again.
Json alertmanager_alert(const FindingRecord& open, const Origin& origin);

/// What `output` is to be sent of an event; nullopt: nothing, because it is about no finding, about a
/// suppressed one, below the output's severity, or of a kind that the receiver has no use for.
std::optional<std::string> message_for(const OutputConfig& output, const AgentEvent& event,
                                       const Origin& origin);

std::string_view to_string(OutputConfig::Kind kind);

}  // namespace ringside::agent
