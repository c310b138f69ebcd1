// SPDX-License-Identifier: Apache-2.0
#include "guest/memory/process_handle.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace ringside::guest::memory {

Result<ProcessHandle> ProcessHandle::open(pid_t pid) {
  // glibc 2.36 declares pidfd_open() without extern "C".
  const auto descriptor = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0u));
  if (descriptor < 0) {
    const int error = errno;
    return fail(error == ESRCH ? Errc::gone : Errc::io,
                "cannot watch process " + std::to_string(pid) + ": " + std::strerror(error));
  }
  ProcessHandle handle(pid, descriptor);
  if (!handle.alive()) return fail(Errc::gone, "process " + std::to_string(pid) + " has ended");
  return handle;
}

ProcessHandle::ProcessHandle(ProcessHandle&& other) noexcept
    : pid_(other.pid_), descriptor_(std::exchange(other.descriptor_, -1)) {}

ProcessHandle& ProcessHandle::operator=(ProcessHandle&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

ProcessHandle::~ProcessHandle() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool ProcessHandle::alive() const {
  pollfd one{descriptor_, POLLIN, 0};  // readable once the process has ended
  return ::poll(&one, 1, 0) == 0;
}

}  // namespace ringside::guest::memory
