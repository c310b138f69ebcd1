// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/object_reader.h"

#include <optional>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// What the kernel keeps of a kernel thread beside its task (kernel/kthread.c struct kthread,
/// kernel/workqueue_internal.h struct worker).
struct KernelThread {
  std::optional<Gva> function;      ///< what it runs
  std::optional<std::string> name;  ///< as /proc shows it; nullopt: not known
};

class KernelThreadReader {
 public:
  /// `names`: also read the names, which change with the work that a worker does.
  KernelThreadReader(Kernel& kernel, bool names);

  const std::vector<Error>& missing() const { return missing_; }
  /// `kthread`: task_struct.worker_private of a kernel thread, before 5.17 set_child_tid. `comm`, `flags`: of
  /// its task.
  Result<KernelThread> read(Gva kthread, const std::string& comm, std::uint32_t flags);

 private:
  Result<std::string> worker_suffix(Gva worker);

  Kernel& kernel_;
  bool names_;
  bool full_names_of_workers_;
  ObjectReader kthread_, worker_;
  ObjectReader::Member function_, data_ = ObjectReader::kNone, full_name_ = ObjectReader::kNone,
                                  pool_ = ObjectReader::kNone, description_ = ObjectReader::kNone,
                                  current_work_ = ObjectReader::kNone;
  std::vector<Error> missing_;
};

}  // namespace ringside::guest::linux
