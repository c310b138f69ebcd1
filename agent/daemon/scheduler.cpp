// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/scheduler.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace ringside::agent {

namespace {

using Clock = Scheduler::Clock;

/// A job that has run for so long with its thread asleep most of the time waits for somebody who does not
/// answer.
constexpr std::chrono::milliseconds kStalled{500};
/// How long a job may be overdue before there is a thread more.
constexpr std::chrono::milliseconds kPatience{200};
constexpr std::size_t kMostSpares = 64;

/// CPU time that a thread has used so far.
std::chrono::nanoseconds cpu_time_of(pthread_t thread) {
  clockid_t clock{};
  timespec used{};
  if (::pthread_getcpuclockid(thread, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

struct Scheduler::Impl {
  struct Entry {
    Job job;
    std::optional<Clock::time_point> due;
    bool running = false, woken = false, removed = false;
    std::thread::id on;
    pthread_t thread{};
    Clock::time_point since;            ///< of the run
    std::chrono::nanoseconds cpu_then;  ///< of its thread at that time

    bool stalled(Clock::time_point now) const {
      if (!running || now - since < kStalled) return false;
      return (cpu_time_of(thread) - cpu_then) * 4 < now - since;
    }
  };
  struct Spare {
    std::thread thread;
    bool over = false;
  };

  std::mutex mutex;
  std::condition_variable changed, finished, ended;
  std::map<Id, std::shared_ptr<Entry>> jobs;
  std::set<std::pair<Clock::time_point, Id>> queue;  ///< jobs that wait, by when they are due
  Id next = 1;
  bool stopping = false;
  std::uint64_t runs = 0;
  Clock::duration longest_wait{};
  std::vector<std::thread> threads;
  std::list<Spare> spares;
  std::thread keeper;

  std::size_t stalled(Clock::time_point now) const {
    return static_cast<std::size_t>(
        std::count_if(jobs.begin(), jobs.end(), [&](const auto& job) { return job.second->stalled(now); }));
  }

  /// Jobs that wait for somebody who does not answer must not hold up others: as long as they do, there are
  /// other threads in the place of theirs.
  void keep() {
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, kPatience, [&] { return stopping; })) {
      const auto now = Clock::now();
      if (!queue.empty() && now - queue.begin()->first > kPatience &&
          std::min(stalled(now), kMostSpares) > spares.size()) {
        spares.emplace_back();
        spares.back().thread = std::thread([this, spare = &spares.back()] { run(spare); });
      }
      std::list<Spare> over;
      for (auto it = spares.begin(); it != spares.end();) {
        const auto following = std::next(it);
        if (it->over) over.splice(over.end(), spares, it);
        it = following;
      }
      lock.unlock();
      for (auto& spare : over) spare.thread.join();
      lock.lock();
    }
  }

  void put(Id id, Entry& entry, Clock::time_point due) {
    if (entry.due) queue.erase({*entry.due, id});
    entry.due = due;
    queue.insert({due, id});
    changed.notify_one();
  }

  /// `spare`: of a thread in the place of one that stalls; it ends when there is nothing due.
  void run(Spare* spare = nullptr) {
    std::unique_lock lock(mutex);
    for (;;) {
      if (stopping) return;
      if (spare != nullptr && (queue.empty() || queue.begin()->first > Clock::now())) {
        spare->over = true;
        return;
      }
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
      entry->thread = ::pthread_self();
      entry->since = now;
      entry->cpu_then = cpu_time_of(entry->thread);
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
  impl_->keeper = std::thread([impl = impl_.get()] { impl->keep(); });
}

Scheduler::~Scheduler() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  impl_->ended.notify_all();
  impl_->keeper.join();
  for (auto& thread : impl_->threads) thread.join();
  for (auto& spare : impl_->spares) spare.thread.join();
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
  return {static_cast<unsigned>(impl_->threads.size() + impl_->spares.size()), impl_->runs,
          std::exchange(impl_->longest_wait, Clock::duration{})};
}

}  // namespace ringside::agent
