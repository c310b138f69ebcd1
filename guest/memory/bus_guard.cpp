// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/bus_guard.h"

#include "guest/address.h"

#include <setjmp.h>
#include <signal.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>

namespace ringside::guest::memory {

namespace {

/// What a thread is loading from right now.
struct Guard {
  std::uintptr_t first, last;  ///< addresses of the first and the last byte
  sigjmp_buf back;
};

// Static TLS of the program: a signal handler may look at it.
thread_local Guard* volatile active = nullptr;
struct sigaction previous;

void on_sigbus(int signal, siginfo_t* info, void* context) {
  Guard* const guard = active;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  // The kernel may name the page instead of the byte.
  if (guard && address >= (guard->first & ~(kPageSize - 1)) && address <= guard->last)
    siglongjmp(guard->back, 1);
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    // Back to the default: the load that faulted runs again and ends the process as it would have without us.
    // One that was sent (kill, sigqueue) has no load to repeat.
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    sigaction(SIGBUS, &standard, nullptr);
    if (info->si_code <= 0) raise(SIGBUS);
  }
}

/// Runs `access`, which loads from these bytes only; false if a page of them has no backing.
template <class Access>
bool guarded(const std::byte* from, std::size_t size, Access&& access) {
  if (size == 0) return true;
  Guard guard;  // not initialised: clearing the jump buffer would cost more than the copy
  guard.first = reinterpret_cast<std::uintptr_t>(from);
  guard.last = guard.first + size - 1;
  if (sigsetjmp(guard.back, 0) != 0) {
    active = nullptr;
    return false;
  }
  active = &guard;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  access();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  active = nullptr;
  return true;
}

}  // namespace

void install_bus_guard() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction ours {};
    ours.sa_sigaction = on_sigbus;
    // SA_NODEFER: the handler is left by a jump that does not restore the signal mask, which costs a system
    // call.
    ours.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    sigaction(SIGBUS, &ours, &previous);
  });
}

bool guarded_copy(std::byte* into, const std::byte* from, std::size_t size) {
  return guarded(from, size, [&] { std::memcpy(into, from, size); });
}

std::optional<bool> guarded_equal(const std::byte* mapped, const std::byte* expected, std::size_t size) {
  volatile bool equal = false;  // written between sigsetjmp and the end
  if (!guarded(mapped, size, [&] { equal = std::memcmp(mapped, expected, size) == 0; })) return std::nullopt;
  return size == 0 || equal;
}

}  // namespace ringside::guest::memory
