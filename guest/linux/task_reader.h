// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel_thread.h"
#include "guest/linux/tasks.h"

#include <optional>
#include <unordered_map>

namespace ringside::guest::linux {

/// Reads struct task_struct, and what it points to, for one walk. Layouts are asked for once.
class TaskReader {
 public:
  TaskReader(Kernel& kernel, TaskParts parts);

  /// Nothing can be said of any task without these.
  Result<void> usable() const;
  /// Members that this kernel's layout does not tell, each once.
  std::vector<Error> missing() const;
  /// pid and tgid only.
  Result<Task> identify(Gva task);
  /// All that was asked for. What `task` points to and could not be read is unknown in what is given, and
  /// `problem` is told.
  Result<Task> read(Gva task, const std::function<void(Error)>& problem);

 private:
  using Member = ObjectReader::Member;
  static constexpr Member kNone = ObjectReader::kNone;
  using Problem = std::function<void(Error)>;

  void add_members();
  // Parts of read(), from the members of the task that was read last.
  void take_members(Task& task) const;
  void take_credentials(Task& task, const Problem& problem);
  void take_relatives(Task& task, const Problem& problem);
  void take_kernel_thread(Task& task, const Problem& problem);
  Result<std::int32_t> tgid_of(Gva task);

  Kernel& kernel_;
  TaskParts parts_;
  ObjectReader identity_, reader_;
  Member pid_, tgid_;                         // of identity_
  Member all_pid_, all_tgid_, comm_, flags_;  // of reader_
  Member mm_ = kNone, files_ = kNone, fs_ = kNone, nsproxy_ = kNone, signal_ = kNone, cred_ = kNone,
         real_cred_ = kNone, state_ = kNone, exit_state_ = kNone, priority_ = kNone, static_priority_ = kNone,
         policy_ = kNone, cpu_ = kNone, parent_ = kNone, start_ = kNone, thread_pid_ = kNone,
         kthread_ = kNone;
  std::optional<PidReader> pids_;
  std::optional<CredentialsReader> credentials_;
  std::optional<NamespaceReader> namespaces_;
  std::optional<ProcessGroupReader> groups_;
  std::optional<KernelThreadReader> kernel_threads_;
  std::unordered_map<std::uint64_t, std::int32_t> parents_;  ///< tgid by task
};

}  // namespace ringside::guest::linux
