// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <sys/types.h>

namespace ringside::guest::memory {

/// Pins one process by a pidfd (pidfd_open(2), Linux 5.3): a pid that is recycled never passes for it.
class ProcessHandle {
 public:
  /// `gone` if there is no such process.
  static Result<ProcessHandle> open(pid_t pid);
  ProcessHandle(ProcessHandle&& other) noexcept;
  ProcessHandle& operator=(ProcessHandle&& other) noexcept;
  ~ProcessHandle();

  /// False once the process has ended, reaped or not. One poll(2).
  bool alive() const;
  pid_t pid() const { return pid_; }

 private:
  ProcessHandle(pid_t pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}
  pid_t pid_ = 0;
  int descriptor_ = -1;
};

}  // namespace ringside::guest::memory
