// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/linux/entry_gate.h"
#include "guest/linux/kernel.h"
#include "guest/linux/kernel_cache.h"

#include <memory>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// What discovery found out.
struct Discovery {
  KernelIdentity identity;
  std::shared_ptr<const SymbolTable> symbols;
  std::uint64_t slide = 0;  ///< of this boot, relative to the one that `symbols` were taken from
  std::uint64_t delta = 0;  ///< GVA - GPA inside the image
  Gva banner{0};            ///< where linux_banner stands, which kallsyms does not say on i386
  std::vector<Gva>
      proof;  ///< where banner and build id stand, found by search where no symbol names the place
  bool from_cache = false;  ///< `symbols` were known, and equal to the guest's own
  std::vector<std::string> steps;
};

/// Finds the kernel that the vCPUs run. Starts from CPU state and follows what it leads to, never from a scan
/// of all RAM, which would find kernels of earlier boots as well. `cache` may be nullptr. Errors as
/// Kernel::of().
Result<Discovery> discover(Snapshot& snapshot, KernelCache* cache);

}  // namespace ringside::guest::linux
