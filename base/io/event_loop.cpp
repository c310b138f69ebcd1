// SPDX-License-Identifier: Apache-2.0
#include "base/io/event_loop.h"

#include "base/io/event_loop_asio.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <pthread.h>

#include <csignal>
#include <thread>

namespace ringside::io {

struct EventLoop::Impl {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
  std::thread thread;
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {
  // Signals are for the program's own threads: a new thread inherits the mask of the one that starts it.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([this] { impl_->context.run(); });
  pthread_setname_np(impl_->thread.native_handle(), "ringside-io");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

EventLoop::~EventLoop() {
  impl_->context.stop();
  impl_->thread.join();
}

asio::any_io_executor executor(EventLoop& loop) {
  return loop.impl().context.get_executor();
}

}  // namespace ringside::io
