// SPDX-License-Identifier: Apache-2.0
#pragma once

// Includes libvirt: only files of this folder include this.

#include "agent/libvirt/connection.h"
#include "agent/libvirt/errors.h"
#include "agent/libvirt/observers.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

namespace ringside::agent::libvirt {

/// What a handle of libvirt names.
Domain describe(virDomainPtr handle);

/// What callbacks of libvirt may still use when the connection itself is gone already.
struct Connection::State : std::enable_shared_from_this<Connection::State> {
  std::string uri;
  Observers observers;

  std::mutex mutex;
  std::condition_variable changed;
  virConnectPtr connect = nullptr;  ///< null: away
  unsigned attempts = 0;            ///< to open it, that have ended
  bool stop = false, lost = false;
  Error why{Errc::closed, "libvirt was not asked yet", {}};  ///< it is away
  int lifecycle = -1, monitor_events = -1;  ///< registrations; for the connection's own thread

  bool stopping();
  /// One attempt, with all that is to be heard of; false: `why`.
  bool open();
  void wait_until_lost();
  void wait_for(std::chrono::milliseconds time);
  /// Gives up what open() made; says why.
  std::string close();
  /// The connection, for one call. `closed` while it is away.
  Result<ConnectHandle> use();
};

}  // namespace ringside::agent::libvirt
