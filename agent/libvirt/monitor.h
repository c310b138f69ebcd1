// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/io/endpoint.h"
#include "qmp/monitor.h"

#include <memory>

namespace ringside::agent::libvirt {

/// The monitor of a running domain, through libvirt (virDomainQemuMonitorCommand): libvirt keeps the domain's
/// own monitor, and marks the domain tainted ("custom-monitor") at the first command. `endpoint` is of kind
/// libvirt; the monitor's own endpoint() names the domain by UUID and the connection by its whole URI.
///
/// The monitor belongs to this run of the domain: when it ends, connected() is false for good. While
/// libvirt's daemon is away, calls fail with `closed` and connected() stays true: they work again later.
/// Events of that time are lost; kEventsMissed is published then. peer() is the QEMU process, where it runs
/// on this machine. Errors: `refused` (no libvirt, no such domain, not running), `permission`, `deadline`,
/// `unsupported`.
Result<std::unique_ptr<qmp::Monitor>> connect(const io::Endpoint& endpoint, qmp::ConnectOptions options);

/// Name of an event of our own: libvirt was away, so the guest may have been reset, stopped or resumed
/// unseen.
inline constexpr const char* kEventsMissed = "RINGSIDE_EVENTS_MISSED";

}  // namespace ringside::agent::libvirt
