// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <atomic>
#include <memory>
#include <thread>

namespace ringside::agent::libvirt {

/// libvirt's event loop, which is one for the whole process, on a thread of its own while anybody needs it.
class EventThread {
 public:
  /// The one that runs, or a new one. Before the first connection is opened.
  static Result<std::shared_ptr<EventThread>> get();
  /// Not on the event thread itself.
  ~EventThread();
  EventThread(const EventThread&) = delete;
  EventThread& operator=(const EventThread&) = delete;

 private:
  EventThread();
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace ringside::agent::libvirt
