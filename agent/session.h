// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/context.h"
#include "agent/outcome.h"
#include "base/io/event_loop.h"
#include "guest/live/live_guest.h"
#include "guest/snapshot.h"

#include <memory>
#include <string>

namespace ringside::agent {

/// One opened TARGET: a running guest or a snapshot file, both as a source of snapshots.
class Session {
 public:
  /// Attaches or loads. Before it attaches, guests that a killed ringside left frozen are given back (a log
  /// line each). Fails with Exit::not_attached, or Exit::usage for a target that makes no sense.
  static Attempt<std::unique_ptr<Session>> open(const Options& options);

  /// nullptr for a snapshot file.
  guest::live::LiveGuest* live() { return live_.get(); }
  /// The running guest, or an error that says that `verb` needs one.
  Attempt<guest::live::LiveGuest*> need_live(std::string_view verb);

  /// A fresh snapshot of the running guest, or the one in the file. Valid until the next call.
  Result<guest::Snapshot*> snapshot(guest::live::MsrSource msrs);

 private:
  Session() = default;
  std::unique_ptr<io::EventLoop> loop_;  // outlives the guest
  std::unique_ptr<guest::live::LiveGuest> live_;
  std::unique_ptr<guest::Snapshot> snapshot_;  // may refer to the guest's memory
};

}  // namespace ringside::agent
