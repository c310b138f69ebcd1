// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/doctor/facts.h"

namespace ringside::agent::doctor {

/// Looks; never fails: what cannot be seen is left unknown in the facts.
Rights look_at_rights();
HostFacts look_at_host();
/// Attaches like any verb does, with `options`: at a first look at a QEMU build the guest stands still for
/// some milliseconds while MSRs are calibrated.
TargetFacts look_at_target(const Options& options);

}  // namespace ringside::agent::doctor
