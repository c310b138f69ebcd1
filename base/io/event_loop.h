// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace ringside::io {

/// An Asio io_context that runs on a thread of its own, behind a header without Asio (which costs seconds a
/// translation unit). Synchronous facades (qmp::Monitor, gdbstub::Stub) run their coroutines on one.
/// Thread-safe. The destructor stops the loop and joins the thread; what still waits is cancelled.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// For event_loop_asio.h.
  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::io
