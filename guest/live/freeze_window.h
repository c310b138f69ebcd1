// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"
#include "gdbstub/stub.h"
#include "guest/live/freeze_journal.h"
#include "qmp/monitor.h"

namespace ringside::guest::live {

/// The guest stands still while one lives, and has its former state after it: whatever happens in between, an
/// exception, a lost QMP or gdb socket, or (by the journal, at the next start) a killed agent.
/// Opening journals, then stops the guest if it runs. A guest that was not running is left exactly as it was.
class FreezeWindow {
 public:
  static Result<std::unique_ptr<FreezeWindow>> open(io::EventLoop& loop, qmp::Monitor& monitor,
                                                    FreezeJournal& journal);
  ~FreezeWindow();  ///< close(); failures are left in the journal for the next start
  FreezeWindow(const FreezeWindow&) = delete;

  /// Starts QEMU's gdbstub on a private Unix socket (a fresh 0700 directory that QEMU's user can reach) and connects
  /// to it. One a window.
  Result<gdbstub::Stub*> attach_gdbstub(gdbstub::StubOptions options = {});

  /// Gives the state back and says what happened: `closed` etc. if the guest could not be resumed now.
  Result<void> close();
  bool was_running() const;
  std::chrono::microseconds frozen_for() const;  ///< so far, or in all once closed

 private:
  struct Impl;
  explicit FreezeWindow(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::guest::live
