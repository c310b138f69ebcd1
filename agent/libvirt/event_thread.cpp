// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/event_thread.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <chrono>
#include <mutex>

namespace ringside::agent::libvirt {

Result<std::shared_ptr<EventThread>> EventThread::get() {
  static std::mutex mutex;
  static std::weak_ptr<EventThread> running;
  static bool registered = false;
  const std::lock_guard lock(mutex);
  if (auto thread = running.lock()) return thread;
  if (!registered) {
    if (virInitialize() != 0 || virEventRegisterDefaultImpl() != 0)
      return fail(Errc::unsupported, "libvirt's library does not start");
    // Errors are values here; by default the library prints each to standard error.
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});
    registered = true;
  }
  std::shared_ptr<EventThread> thread(new EventThread);
  running = thread;
  return thread;
}

EventThread::EventThread()
    : thread_([this] {
        while (!stop_)
          if (virEventRunDefaultImpl() != 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }) {}

EventThread::~EventThread() {
  stop_ = true;
  // A timer that is due at once ends the wait that the loop is in.
  const int timer = virEventAddTimeout(
      0, [](int id, void*) { virEventRemoveTimeout(id); }, nullptr, nullptr);
  thread_.join();
  if (timer >= 0) virEventRemoveTimeout(timer);
}

}  // namespace ringside::agent::libvirt
