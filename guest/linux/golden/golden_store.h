// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/kernel_debug.h"
#include "guest/linux/golden/kernel_file.h"
#include "guest/linux/golden/module_file.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// Which kernel is wanted: what the guest tells of the one that runs.
struct GoldenKernelKey {
  std::string build_id;  ///< hex; empty: it has none
  std::string release;   ///< "6.1.0-56-cloud-amd64"
};

/// Which module file is wanted: what the guest tells of a module that is loaded.
struct GoldenModuleKey {
  std::string release;                  ///< of the kernel that it was built for
  std::string name;                     ///< as the kernel names it, with underscores
  std::optional<std::string> build_id;  ///< hex
  std::optional<std::string> srcversion;
};

/// What vendors shipped, kept with a snapshot (Snapshot::keep) so that nothing here opens a file;
/// live::GoldenFiles has them on disk. Thread-safe.
class GoldenStore {
 public:
  virtual ~GoldenStore() = default;
  /// Errors: `not_found` if nothing of that release was imported, `mismatch` if it was but is of another
  /// build (which an attacker may have made the guest say), and those of reading it.
  virtual Result<std::shared_ptr<const GoldenKernel>> kernel(const GoldenKernelKey& key) = 0;
  /// The same by release and name; also `mismatch` if several may be meant.
  virtual Result<std::shared_ptr<const GoldenModule>> module(const GoldenModuleKey& key) = 0;
  /// Types and variables of a kernel that does not tell them itself, by build id alone. `not_found`: nobody
  /// gave them.
  virtual Result<std::shared_ptr<const KernelDebug>> debug(const GoldenKernelKey& key) {
    return fail(Errc::not_found, "types of kernel " + key.release + " were not imported");
  }
  /// Another number once something was added or removed: what was computed before no longer holds.
  virtual std::uint64_t revision() { return 0; }
};

}  // namespace ringside::guest::linux
