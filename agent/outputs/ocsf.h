// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/outputs/origin.h"

#include <string_view>

namespace ringside::agent {

/// The released version of the Open Cybersecurity Schema Framework (schema.ocsf.io) that events are shaped
/// by.
inline constexpr std::string_view kOcsfVersion = "1.5.0";

/// A Detection Finding (class 2004, profile security_control) of an event about a finding: created, updated
/// (acknowledged, acted upon) or closed. The guest is the resource, the hypervisor the device.
/// `event.finding` must be there.
Json ocsf_event(const AgentEvent& event, const Origin& origin);

}  // namespace ringside::agent
