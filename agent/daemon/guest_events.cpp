// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/guest_events.h"

#include "agent/libvirt/monitor.h"

namespace ringside::agent {

void GuestEvents::listen(qmp::Monitor& monitor, std::function<void()> wake) {
  woken_ = reset_ = shut_down_ = false;
  subscription_ = monitor.subscribe([this, wake = std::move(wake)](const qmp::Event& event) {
    if (event.kind == qmp::EventKind::reset) reset_ = true;
    if (event.kind == qmp::EventKind::shutdown) shut_down_ = true;
    const bool missed = event.name == libvirt::kEventsMissed;
    if (missed) missed_ = true;
    if ((event.kind == qmp::EventKind::other && !missed) || woken_.exchange(true)) return;
    if (wake) wake();
  });
}

}  // namespace ringside::agent
