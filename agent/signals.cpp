// SPDX-License-Identifier: Apache-2.0
#include "agent/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

namespace ringside::agent::signals {

namespace {

std::atomic<int> the_signal{0};
std::atomic<bool> the_interrupt{false}, in_scope{false}, hangup_reloads{false}, reload{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free,
              "set in a signal handler");

/// Counts wake-ups. Made before any handler is installed; lives as long as the process.
int event_descriptor() {
  static const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return descriptor;
}

extern "C" void on_signal(int number) {
  const int saved = errno;
  if (number == SIGINT && in_scope.load())
    the_interrupt.store(true);
  else if (number == SIGHUP && hangup_reloads.load())
    reload.store(true);
  else
    the_signal.store(number);
  const std::uint64_t one = 1;
  // write() is async-signal-safe; event_descriptor() was initialised by install().
  [[maybe_unused]] const auto written = ::write(event_descriptor(), &one, sizeof one);
  errno = saved;
}

}  // namespace

void install() {
  event_descriptor();
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

void let_hangup_reload() {
  hangup_reloads.store(true);
}

bool take_reload() {
  return reload.exchange(false);
}

int received() {
  return the_signal.load();
}

void wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event_descriptor(), &one, sizeof one);
}

InterruptScope::InterruptScope() {
  event_descriptor();
  the_interrupt.store(false);
  in_scope.store(true);
}

InterruptScope::~InterruptScope() {
  in_scope.store(false);
}

const std::atomic<bool>& interrupted() {
  return the_interrupt;
}

void clear_interrupt() {
  the_interrupt.store(false);
}

bool wait_readable(int descriptor) {
  for (;;) {
    if (received() != 0 || the_interrupt.load()) return false;
    std::array<pollfd, 2> waiting{pollfd{.fd = event_descriptor(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = descriptor, .events = POLLIN, .revents = 0}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return true;  // let the read say what is wrong
    }
    if (waiting[0].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto drained = ::read(event_descriptor(), &count, sizeof count);
    } else if (waiting[1].revents != 0) {
      return true;
    }
  }
}

bool wait_until(std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  for (;;) {
    if (received() != 0) return true;
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{.fd = event_descriptor(), .events = POLLIN, .revents = 0};
    const int ready =
        ::poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000)));
    if (ready > 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto drained = ::read(event_descriptor(), &count, sizeof count);
      return true;
    }
    if (left.count() <= 0) return false;
  }
}

}  // namespace ringside::agent::signals
