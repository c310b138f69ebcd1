// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <unordered_set>

namespace ringside::guest::linux {

/// A file of debugfs that is open has a table of operations of its own, made for it in memory of the heap,
/// that calls through debugfs and nothing else (fs/debugfs/file.c, __full_proxy_fops_init; up to 6.13). Tells
/// these from tables that somebody else made.
class ProxyTables {
 public:
  explicit ProxyTables(Kernel& kernel);

  /// True if the table at `gva` is in no image, holds functions of debugfs, and nothing else; false too if it
  /// cannot be read, or if this kernel has no such functions.
  bool is_one(Gva gva) const;

 private:
  Kernel& kernel_;
  std::unordered_set<std::uint64_t> functions_;
  std::uint64_t size_ = 0;  ///< of a table; 0: not known
};

}  // namespace ringside::guest::linux
