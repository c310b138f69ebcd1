// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/dentries.h"
#include "guest/linux/kernel.h"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace ringside::guest::linux {

/// Names of files that stand in no directory tree: sockets, pipes, memfds. The kernel makes them by a
/// function of the dentry, d_op->d_dname.
class PseudoNames {
 public:
  explicit PseudoNames(Kernel& kernel);
  /// True if a function makes the name of dentries with these operations (struct dentry_operations).
  Result<bool> makes_name(Gva operations);
  /// The name that it makes; `unsupported` for a function that is not known.
  Result<std::string> name(const Dentry& dentry, Gva address);

 private:
  enum class Maker { none, socket, pipe, anonymous, simple, name_space, pidfd, dma_buffer, unknown };
  Result<Maker> maker(Gva operations);
  Result<std::uint64_t> inode_number(const Dentry& dentry);
  Result<std::string> name_space(const Dentry& dentry);
  Result<std::string> dma_buffer(const Dentry& dentry, Gva address);

  Kernel& kernel_;
  Result<Field> function_, number_, private_, ops_, ops_name_;
  std::unordered_map<std::uint64_t, Maker> makers_;
};

}  // namespace ringside::guest::linux
