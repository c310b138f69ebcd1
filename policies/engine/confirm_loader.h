// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies/engine/policy.h"
#include "policies/engine/yaml_reader.h"

namespace ringside::policies {

/// Reads `confirm` of a check: `second-look`, `paused`, or `{window: 5s, looks: 6, guestTime: false}`.
/// `policy` gives what a check without one does.
void read_confirm(Diagnosis& diagnosis, const Mapping& mapping, const Policy& policy, Check& check);

}  // namespace ringside::policies
