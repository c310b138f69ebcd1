// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/scheduler.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace ringside::agent {

struct Scheduler::Impl {
  struct Entry {
    Job job;
    std::optional<Clock::time_point> due;
    bool running = false, woken = false, removed = false;
    std::thread::id on;
  };

  std::mutex mutex;
  std::condition_variable changed, finished;
  std::map<Id, std::shared_ptr<Entry>> jobs;
  std::set<std::pair<Clock::time_point, Id>> queue;  ///< jobs that wait, by when they are due
  Id next = 1;
  bool stopping = false;
  std::uint64_t runs = 0;
  Clock::duration longest_wait{};
  std::vector<std::thread> threads;

  void put(Id id, Entry& entry, Clock::time_point due) {
    if (entry.due) queue.erase({*entry.due, id});
    entry.due = due;
    queue.insert({due, id});
    changed.notify_one();
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      if (stopping) return;
      if (queue.empty()) {
        changed.wait(lock);
        continue;
      }
      const auto [due, id] = *queue.begin();
      const auto now = Clock::now();
      if (due > now) {
        changed.wait_until(lock, due);
        continue;
      }
      queue.erase(queue.begin());
      longest_wait = std::max(longest_wait, now - due);
      const auto entry = jobs.at(id);
      entry->due.reset();
      entry->running = true;
      entry->on = std::this_thread::get_id();
      ++runs;
      if (!queue.empty()) changed.notify_one();  // another thread waits for what comes next
      lock.unlock();
      auto again = entry->job();
      lock.lock();
      entry->running = false;
      entry->on = {};
      if (std::exchange(entry->woken, false)) again = Clock::now();
      if (!entry->removed && again) put(id, *entry, *again);
      finished.notify_all();
    }
  }
};

Scheduler::Scheduler(unsigned threads) : impl_(std::make_unique<Impl>()) {
  for (unsigned i = 0; i < std::max(threads, 1u); ++i)
    impl_->threads.emplace_back([impl = impl_.get()] { impl->run(); });
}

Scheduler::~Scheduler() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  for (auto& thread : impl_->threads) thread.join();
}

Scheduler::Id Scheduler::add(Job job, Clock::time_point first) {
  const std::lock_guard lock(impl_->mutex);
  const Id id = impl_->next++;
  const auto entry = std::make_shared<Impl::Entry>();
  entry->job = std::move(job);
  impl_->jobs.emplace(id, entry);
  impl_->put(id, *entry, first);
  return id;
}

void Scheduler::wake(Id id) {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->jobs.find(id);
  if (found == impl_->jobs.end()) return;
  if (found->second->running)
    found->second->woken = true;
  else
    impl_->put(id, *found->second, Clock::now());
}

void Scheduler::remove(Id id) {
  std::unique_lock lock(impl_->mutex);
  const auto found = impl_->jobs.find(id);
  if (found == impl_->jobs.end()) return;
  const auto entry = found->second;
  entry->removed = true;
  if (entry->due) impl_->queue.erase({*entry->due, id});
  entry->due.reset();
  if (entry->on != std::this_thread::get_id()) impl_->finished.wait(lock, [&] { return !entry->running; });
  impl_->jobs.erase(id);
}

Scheduler::Statistics Scheduler::statistics() {
  const std::lock_guard lock(impl_->mutex);
  return {static_cast<unsigned>(impl_->threads.size()), impl_->runs,
          std::exchange(impl_->longest_wait, Clock::duration{})};
}

}  // namespace ringside::agent
