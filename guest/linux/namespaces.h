// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/object_reader.h"

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>

namespace ringside::guest::linux {

/// Inode numbers as /proc/PID/ns shows them. nullopt: the task has none (any more), or this kernel has no
/// such namespaces or its layout does not tell.
struct NamespaceIds {
  std::optional<std::uint32_t> pid, net, mnt, uts, ipc, user, cgroup, time;
};

/// Reads the namespaces of tasks; what tasks share is read once.
class NamespaceReader {
 public:
  explicit NamespaceReader(Kernel& kernel);

  const std::vector<Error>& missing() const { return missing_; }
  /// `nsproxy`: task_struct.nsproxy, 0 for a task that is past its end. `pid_ns`, `user_ns`: the namespaces
  /// that a task's struct pid and its credentials belong to; 0: not known.
  Result<NamespaceIds> read(Gva nsproxy, Gva pid_ns, Gva user_ns);

 private:
  /// Where struct nsproxy points to one of them, and where its number stands in it.
  struct Kind {
    ObjectReader::Member pointer;
    std::optional<Field> number;
    std::optional<std::uint32_t> NamespaceIds::*id;
  };
  std::optional<Field> number_of(std::string_view type);
  Result<std::optional<std::uint32_t>> number(Gva ns, const std::optional<Field>& field);

  Kernel& kernel_;
  ObjectReader reader_;
  std::vector<Error> missing_;
  std::array<Kind, 6> kinds_;
  std::optional<Field> pid_number_, user_number_;
  std::unordered_map<std::uint64_t, NamespaceIds> proxies_;
  std::unordered_map<std::uint64_t, std::uint32_t> numbers_;
};

}  // namespace ringside::guest::linux
