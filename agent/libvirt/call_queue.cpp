// SPDX-License-Identifier: Apache-2.0
#include "agent/libvirt/call_queue.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace ringside::agent::libvirt {

struct CallQueue::Shared {
  struct Call {
    std::function<Result<qmp::Json>()> work;
    std::optional<Result<qmp::Json>> result{};
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Call>> waiting;
  bool stop = false;

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return stop || !waiting.empty(); });
      if (stop) return;
      const auto call = waiting.front();
      waiting.pop_front();
      lock.unlock();
      Result<qmp::Json> result = call->work();
      call->work = nullptr;
      lock.lock();
      call->result = std::move(result);
      changed.notify_all();
    }
  }
};

CallQueue::CallQueue() : shared_(std::make_shared<Shared>()) {
  std::thread([shared = shared_] { shared->work(); }).detach();
}

CallQueue::~CallQueue() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
  }
  shared_->changed.notify_all();
}

Result<qmp::Json> CallQueue::run(std::function<Result<qmp::Json>()> work,
                                 std::chrono::milliseconds deadline) {
  const auto call = std::make_shared<Shared::Call>(Shared::Call{std::move(work)});
  std::unique_lock lock(shared_->mutex);
  shared_->waiting.push_back(call);
  shared_->changed.notify_all();
  if (shared_->changed.wait_for(lock, deadline, [&] { return call->result.has_value(); }))
    return std::move(*call->result);
  std::erase(shared_->waiting, call);
  return fail(Errc::deadline, "libvirt gave no answer within " + std::to_string(deadline.count()) + " ms");
}

}  // namespace ringside::agent::libvirt
