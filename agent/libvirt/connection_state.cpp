// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/connection_state.h"

#include "qmp/codec.h"

#include <fmt/format.h>
#include <libvirt/libvirt-qemu.h>

#include <array>
#include <utility>

namespace ringside::agent::libvirt {

namespace {

constexpr int kKeepAliveSeconds = 5;  // a daemon that misses three probes is given up
constexpr unsigned kKeepAliveCount = 3;

const char* why_ended(int detail) {
  switch (detail) {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
      return "the guest shut down";
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
      return "it was destroyed";
    case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
      return "QEMU crashed";
    case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
      return "it was migrated to another host";
    case VIR_DOMAIN_EVENT_STOPPED_SAVED:
      return "it was saved";
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
      return "it failed to start";
    default:
      return "it was stopped";
  }
}

const char* why_closed(int reason) {
  switch (reason) {
    case VIR_CONNECT_CLOSE_REASON_EOF:
      return "libvirt's daemon ended the connection";
    case VIR_CONNECT_CLOSE_REASON_KEEPALIVE:
      return "libvirt's daemon does not answer";
    default:
      return "the connection to libvirt's daemon broke";
  }
}

}  // namespace

Domain describe(virDomainPtr handle) {
  Domain domain;
  std::array<char, VIR_UUID_STRING_BUFLEN> uuid{};
  if (virDomainGetUUIDString(handle, uuid.data()) == 0) domain.uuid = uuid.data();
  if (const char* name = virDomainGetName(handle)) domain.name = name;
  const unsigned id = virDomainGetID(handle);
  domain.id = id == static_cast<unsigned>(-1) ? -1 : static_cast<int>(id);
  return domain;
}

/// What libvirt calls, on its event thread. `opaque` is a weak reference of its own to the state.
struct Connection::Callbacks {
  using Weak = std::weak_ptr<Connection::State>;

  static void* reference(const std::shared_ptr<Connection::State>& state) { return new Weak(state); }
  static void release(void* opaque) { delete static_cast<Weak*>(opaque); }
  static std::shared_ptr<Connection::State> state(void* opaque) { return static_cast<Weak*>(opaque)->lock(); }

  static void closed(virConnectPtr, int reason, void* opaque) {
    const auto self = state(opaque);
    if (!self) return;
    const std::lock_guard lock(self->mutex);
    self->lost = true;
    self->why = {Errc::closed, fmt::format("libvirt ({}): {}", self->uri, why_closed(reason)),
                 "it is tried again by itself"};
    self->changed.notify_all();
  }

  static int lifecycle(virConnectPtr, virDomainPtr handle, int event, int detail, void* opaque) {
    const auto self = state(opaque);
    if (!self) return 0;
    if (event == VIR_DOMAIN_EVENT_STARTED)
      self->observers.tell(&Observer::started, describe(handle));
    else if (event == VIR_DOMAIN_EVENT_STOPPED)
      self->observers.tell(&Observer::ended, describe(handle), std::string(why_ended(detail)));
    // Suspended, resumed and crashed inside are told by the monitor's own events.
    return 0;
  }

  static void monitor_event(virConnectPtr, virDomainPtr handle, const char* name, long long seconds,
                            unsigned micros, const char* details, void* opaque) {
    const auto self = state(opaque);
    if (!self || name == nullptr) return;
    qmp::Event event;
    event.name = name;
    event.kind = qmp::event_kind(event.name);
    event.timestamp = std::chrono::seconds(seconds) + std::chrono::microseconds(micros);
    if (details != nullptr && *details != '\0') {
      event.data = qmp::Json::parse(details, nullptr, /*allow_exceptions=*/false);
      if (event.data.is_discarded()) event.data = nullptr;
    }
    self->observers.tell(&Observer::monitor_event, describe(handle).uuid, event);
  }
};

bool Connection::State::stopping() {
  const std::lock_guard lock(mutex);
  return stop;
}

bool Connection::State::open() {
  ConnectHandle opened(virConnectOpen(uri.c_str()));
  if (!opened) {
    const std::lock_guard lock(mutex);
    ++attempts;
    why = last_error(fmt::format("cannot connect to libvirt ({})", uri));
    changed.notify_all();
    return false;
  }
  const auto self = shared_from_this();
  virConnectSetKeepAlive(opened.get(), kKeepAliveSeconds, kKeepAliveCount);
  {
    const std::lock_guard lock(mutex);
    lost = false;
  }
  const bool told_of_end =
      virConnectRegisterCloseCallback(opened.get(), Callbacks::closed, Callbacks::reference(self),
                                      Callbacks::release) == 0;
  lifecycle = virConnectDomainEventRegisterAny(opened.get(), nullptr, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                               VIR_DOMAIN_EVENT_CALLBACK(Callbacks::lifecycle),
                                               Callbacks::reference(self), Callbacks::release);
  monitor_events =
      virConnectDomainQemuMonitorEventRegister(opened.get(), nullptr, nullptr, Callbacks::monitor_event,
                                               Callbacks::reference(self), Callbacks::release, 0);
  const bool complete = told_of_end && lifecycle >= 0 && monitor_events >= 0;
  Error error = complete ? Error{} : last_error(fmt::format("libvirt ({}) tells no events", uri));
  {
    const std::lock_guard lock(mutex);
    ++attempts;
    connect = opened.release();
    if (!complete) {
      why = std::move(error);
      lost = true;
    }
  }
  if (!complete) (void)close();
  changed.notify_all();
  return complete;
}

void Connection::State::wait_until_lost() {
  std::unique_lock lock(mutex);
  changed.wait(lock, [this] { return stop || lost; });
}

void Connection::State::wait_for(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex);
  changed.wait_for(lock, time, [this] { return stop; });
}

std::string Connection::State::close() {
  ConnectHandle closing;
  std::string reason;
  {
    const std::lock_guard lock(mutex);
    closing.reset(std::exchange(connect, nullptr));
    reason = why.message;
  }
  if (lifecycle >= 0) virConnectDomainEventDeregisterAny(closing.get(), lifecycle);
  if (monitor_events >= 0) virConnectDomainQemuMonitorEventDeregister(closing.get(), monitor_events);
  virConnectUnregisterCloseCallback(closing.get(), Callbacks::closed);
  return reason;
}

Result<ConnectHandle> Connection::State::use() {
  const std::lock_guard lock(mutex);
  if (connect == nullptr || lost) {
    Error error = why;
    error.code = error.code == Errc::permission ? Errc::permission : Errc::closed;
    return fail(std::move(error));
  }
  virConnectRef(connect);
  return ConnectHandle(connect);
}

}  // namespace ringside::agent::libvirt
