// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <functional>
#include <string>
#include <vector>

namespace ringside::guest::linux {

/// A run of read-only data that is not as its vendor shipped it.
struct RodataChange {
  Gva first;
  std::string section;                        ///< of a module; empty: of the kernel image
  Bytes expected, actual;                     ///< of equal size, at most kMaxRun
  static constexpr std::size_t kMaxRun = 64;  ///< a longer one goes on in the next
};
/// False: no more.
using RodataVisit = std::function<bool(RodataChange)>;

/// Compares the image's read-only data with the vendor's; what is written while the kernel boots is left out.
/// Returns what could not be compared, and why. Fails as golden_reference() does.
Result<std::vector<Error>> kernel_rodata_changes(Kernel& kernel, const RodataVisit& visit);

/// The same of all live modules, each with its vendor's file; one without is an error in the list.
std::vector<Error> module_rodata_changes(Kernel& kernel, const RodataVisit& visit);

}  // namespace ringside::guest::linux
