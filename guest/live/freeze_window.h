// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "gdbstub/stub.h"
#include "guest/live/connectors.h"
#include "guest/live/freeze_journal.h"
#include "qmp/monitor.h"

#include <chrono>
#include <memory>
#include <string>

namespace ringside::guest::live {

/// The guest stands still while one lives, and has its former state after it: whatever happens in between, an
/// exception, a lost QMP or gdb socket, or (by the journal, at the next start) a killed agent.
/// Opening journals, then stops the guest if it runs. A guest that was not running is left exactly as it was
/// (do not resume() it through the stub either). Not thread-safe.
class FreezeWindow {
 public:
  /// `invalid_argument` if this process has a window on this monitor already, `unavailable` if another
  /// process has one. `monitor` and `journal` must outlive the window.
  static Result<std::unique_ptr<FreezeWindow>> open(io::EventLoop& loop, qmp::Monitor& monitor,
                                                    FreezeJournal& journal);
  static Result<std::unique_ptr<FreezeWindow>> open(Connectors connectors, qmp::Monitor& monitor,
                                                    FreezeJournal& journal);
  /// The open window of this process on `monitor`'s endpoint, or nullptr.
  static FreezeWindow* on(const qmp::Monitor& monitor);

  ~FreezeWindow();  ///< close(); failures are left in the journal for the next start
  FreezeWindow(const FreezeWindow&) = delete;
  FreezeWindow& operator=(const FreezeWindow&) = delete;

  /// Starts QEMU's gdbstub on a private Unix socket (a fresh 0700 directory that QEMU's user can reach) and
  /// connects to it. One a window: a second call gives the same stub, connected anew if it now has to write
  /// or was lost. `unavailable` if somebody else's gdbstub is active in this QEMU.
  Result<gdbstub::Stub*> attach_gdbstub(gdbstub::StubOptions options = {});

  /// Gives the state back and says what happened: `closed` etc. if the guest could not be resumed now, `gone`
  /// if QEMU has ended. Later calls give the same answer.
  Result<void> close();
  bool was_running() const;
  std::chrono::microseconds frozen_for() const;  ///< so far, or in all once closed

 private:
  struct Impl;
  explicit FreezeWindow(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::guest::live
