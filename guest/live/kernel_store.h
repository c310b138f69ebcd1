// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel_cache.h"

#include <set>
#include <string>

namespace ringside::guest::live {

/// Kernel builds kept on disk, so that a short-lived command need not search a kernel that was seen before.
/// Only a cache: what it gives is compared with the guest's own tables before it is trusted, and a file that
/// makes no sense, or cannot be written, counts as none. Files are named BUILDID-PAGEFAULT, so that only one
/// that may fit is read.
class KernelStore final : public linux::KernelCache {
 public:
  explicit KernelStore(const std::string& state_directory);

  std::vector<std::shared_ptr<const linux::KernelBuild>> builds(std::uint64_t page_fault) override;
  void add(std::shared_ptr<const linux::KernelBuild> build) override;

 private:
  static constexpr std::size_t kMaxFiles = 64;
  void drop_oldest() const;

  std::string directory_;
};

}  // namespace ringside::guest::live
