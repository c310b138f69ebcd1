// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/live/freeze_journal.h"
#include "qmp/monitor.h"

#include <string>

namespace ringside::guest::live {

/// True if QEMU has a gdbstub, and true in `ours` if it is the one on `socket`.
struct GdbstubInUse {
  bool active = false, ours = false;
};
Result<GdbstubInUse> gdbstub_in_use(qmp::Monitor& monitor, const std::string& socket);

/// Ends the gdbstub on `socket` if QEMU still has it; one that somebody else started is left alone.
Result<void> end_gdbstub(qmp::Monitor& monitor, const std::string& socket);

/// `cont` if QEMU is in the state that our own stop or gdbstub left (`paused`; `debug` after a break point),
/// and waits until it runs. Any other state is somebody else's wish, or the guest's end, and is left alone.
Result<void> resume_stopped(qmp::Monitor& monitor, bool used_gdbstub);

/// Fulfils a dead owner's entry. `gone` if that QEMU has ended or another one listens there now.
Result<void> give_back(const Connectors& connectors, const FreezeJournal::Entry& entry);

}  // namespace ringside::guest::live
