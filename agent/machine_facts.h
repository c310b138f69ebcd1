// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/live/live_guest.h"

#include <string>

namespace ringside::agent {

/// What the guest's kernel sees of its CPUs, as a text that is equal for equal machines: accelerator, CPU
/// model and a hash of the CPUID features that QEMU shows. Empty if QEMU does not tell all of it. The number
/// of vCPUs is no part of it.
std::string machine_text(guest::live::LiveGuest& guest);

}  // namespace ringside::agent
