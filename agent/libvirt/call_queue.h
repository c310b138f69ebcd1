// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "qmp/message.h"

#include <chrono>
#include <functional>
#include <memory>

namespace ringside::agent::libvirt {

/// Runs calls that block for as long as libvirt and QEMU like, one by one on a thread of its own, for callers
/// who wait only so long. Thread-safe.
class CallQueue {
 public:
  CallQueue();
  /// Waits for no call: one that still blocks ends by itself, later, and what it holds with it.
  ~CallQueue();
  CallQueue(const CallQueue&) = delete;
  CallQueue& operator=(const CallQueue&) = delete;

  /// What `call` gives; `deadline` if that takes longer, the wait in the queue included. A call that was not
  /// begun by then never will be; the result of one that was is dropped.
  Result<qmp::Json> run(std::function<Result<qmp::Json>()> call, std::chrono::milliseconds deadline);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace ringside::agent::libvirt
