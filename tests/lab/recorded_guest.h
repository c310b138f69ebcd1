// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/lab/guest.h"

namespace ringside::lab {

/// Keeps a guest as it stands in `folder`, so that the program replay_guest can show it any number of times:
/// QEMU's answers to what ringside asks (answers.json), its memory (ram-N) and the part of QEMU's heap in
/// which ringside finds the MSRs (heap). The guest is stopped meanwhile. Throws std::runtime_error where that
/// cannot be done.
void record_guest(Guest& guest, const std::string& folder);

}  // namespace ringside::lab
