// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/object_reader.h"

#include <cstdint>
#include <optional>
#include <unordered_map>

namespace ringside::guest::linux {

/// struct cred (include/linux/cred.h). Ids are the kernel's own: those of the first user namespace. nullopt:
/// this kernel's layout does not tell.
struct Credentials {
  std::optional<std::uint32_t> uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
  std::optional<std::uint32_t> securebits;
  /// Bit n: capability n (include/uapi/linux/capability.h).
  std::optional<std::uint64_t> inheritable, permitted, effective, bounding, ambient;
  std::optional<std::uint32_t> groups;  ///< number of supplementary groups
  Gva user_namespace{0};                ///< struct user_namespace; 0: not known
};

/// Reads credentials; those that tasks share are read once.
class CredentialsReader {
 public:
  /// `groups`: also count the supplementary groups, which costs one more read.
  CredentialsReader(Kernel& kernel, bool groups);

  const std::vector<Error>& missing() const { return missing_; }
  Result<Credentials> read(Gva cred);

 private:
  using Member = ObjectReader::Member;
  Kernel& kernel_;
  ObjectReader reader_;
  std::vector<Error> missing_;
  Member uid_, gid_, suid_, sgid_, euid_, egid_, fsuid_, fsgid_, securebits_;
  Member inheritable_, permitted_, effective_, bounding_, ambient_, user_ns_;
  Member group_info_ = ObjectReader::kNone;
  std::optional<Field> group_count_;
  std::unordered_map<std::uint64_t, Credentials> seen_;
};

}  // namespace ringside::guest::linux
