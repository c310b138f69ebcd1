// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/scan/pauses.h"
#include "guest/live/live_guest.h"
#include "policies/engine/baseline.h"

namespace ringside::agent {

/// Takes a baseline of a running guest. It must not hold a torn read: it is kept once a fresh snapshot agrees
/// with it, and is taken with the guest stopped if that does not come about and `pauses` (nullptr: no bound)
/// allows it.
Result<policies::Baseline> take_baseline_of(guest::live::LiveGuest& guest, guest::live::MsrSource msrs,
                                            Pauses* pauses = nullptr);

}  // namespace ringside::agent
