// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "qmp/monitor.h"

#include <atomic>
#include <functional>

namespace ringside::agent {

/// What QEMU's events ask a session to do. They come on the event loop's thread and are taken up on the
/// session's.
class GuestEvents {
 public:
  /// Begins anew with this monitor. `wake` is called on the event loop's thread, once for all events until
  /// take_any(), and must not block.
  void listen(qmp::Monitor& monitor, std::function<void()> wake);
  /// None come once this returns.
  void stop() { subscription_.reset(); }

  /// Something has come since it was taken.
  bool any() const { return woken_; }
  bool take_any() { return woken_.exchange(false); }
  bool take_reset() { return reset_.exchange(false); }
  /// Events may have been missed: the guest may have been reset unseen.
  bool take_missed() { return missed_.exchange(false); }
  /// Memory was plugged, unplugged or resized, as far as QEMU knows.
  bool take_memory_changed() { return memory_changed_.exchange(false); }
  bool shut_down() const { return shut_down_; }

 private:
  std::atomic<bool> woken_{false}, reset_{false}, missed_{false}, memory_changed_{false}, shut_down_{false};
  qmp::Subscription subscription_;
};

}  // namespace ringside::agent
