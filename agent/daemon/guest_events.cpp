// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/guest_events.h"

#include "agent/libvirt/monitor.h"

namespace ringside::agent {

namespace {

/// A guest tells of a DIMM that it took or let go by ACPI_DEVICE_OST (QEMU qapi/acpi.json), virtio-mem grows
/// and shrinks, and an unplugged device ends with DEVICE_DELETED (qapi/machine.json, qapi/qdev.json).
bool is_of_memory(const qmp::Event& event) {
  return event.name == "ACPI_DEVICE_OST" || event.name == "MEMORY_DEVICE_SIZE_CHANGE" ||
         event.name == "DEVICE_DELETED";
}

}  // namespace

void GuestEvents::listen(qmp::Monitor& monitor, std::function<void()> wake) {
  woken_ = reset_ = memory_changed_ = shut_down_ = false;
  subscription_ = monitor.subscribe([this, wake = std::move(wake)](const qmp::Event& event) {
    const bool missed = event.name == libvirt::kEventsMissed, memory = is_of_memory(event);
    if (event.kind == qmp::EventKind::reset) reset_ = true;
    if (event.kind == qmp::EventKind::shutdown) shut_down_ = true;
    if (missed) missed_ = true;
    if (memory) memory_changed_ = true;
    if ((event.kind == qmp::EventKind::other && !missed && !memory) || woken_.exchange(true)) return;
    if (wake) wake();
  });
}

}  // namespace ringside::agent
