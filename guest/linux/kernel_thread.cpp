// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/kernel_thread.h"

#include <utility>

namespace ringside::guest::linux {

namespace {

constexpr std::uint32_t kPfWorker = 0x20;  // PF_WQ_WORKER, include/linux/sched.h
constexpr std::size_t kNameSize = 64;      // of proc_task_name()'s buffer, fs/proc/array.c

}  // namespace

// From 6.10 on the whole name of a worker is shown, before only what fits into comm (kernel/workqueue.c
// wq_worker_comm).
KernelThreadReader::KernelThreadReader(Kernel& kernel, bool names)
    : kernel_(kernel),
      names_(names),
      full_names_of_workers_(std::pair{kernel.identity().major, kernel.identity().minor} >=
                             std::pair{6u, 10u}),
      kthread_(kernel, "kthread"),
      worker_(kernel, "worker"),
      function_(kthread_.add("threadfn")),
      missing_(kthread_.missing()) {
  if (!names) return;
  data_ = kthread_.add("data");
  full_name_ = kthread_.add("full_name", ObjectReader::Presence::optional);
  pool_ = worker_.add("pool");
  description_ = worker_.add("desc");
  current_work_ = worker_.add("current_work");
  missing_ = kthread_.missing();
  missing_.insert(missing_.end(), worker_.missing().begin(), worker_.missing().end());
}

Result<std::string> KernelThreadReader::worker_suffix(Gva worker) {
  RINGSIDE_CHECK(worker_.read(worker));
  const auto description = worker_.text(description_);
  if (worker_.pointer(pool_).value_or(Gva{0}) == Gva{0} || !description || description->empty()) return "";
  return (worker_.pointer(current_work_).value_or(Gva{0}) == Gva{0} ? "-" : "+") + *description;
}

Result<KernelThread> KernelThreadReader::read(Gva kthread, const std::string& comm, std::uint32_t flags) {
  KernelThread made;
  // One that kernel_thread() made has nothing but its task.
  if (kthread == Gva{0}) {
    made.name = comm;
    return made;
  }
  RINGSIDE_CHECK(kthread_.read(kthread));
  if (const auto function = kthread_.pointer(function_); function && *function != Gva{0})
    made.function = function;
  if (!names_ || !missing().empty()) return made;
  const bool worker = (flags & kPfWorker) != 0;
  std::string name = comm;
  const Gva full_name = kthread_.pointer(full_name_).value_or(Gva{0});
  if (full_name != Gva{0} && (!worker || full_names_of_workers_)) {
    RINGSIDE_TRY(name, kernel_.read_string(full_name, kNameSize - 1));
  }
  const Gva data = kthread_.pointer(data_).value_or(Gva{0});
  if (worker && data != Gva{0}) {
    RINGSIDE_TRY(const auto suffix, worker_suffix(data));
    name += suffix;
  }
  if (name.size() >= kNameSize) name.resize(kNameSize - 1);
  made.name = std::move(name);
  return made;
}

}  // namespace ringside::guest::linux
