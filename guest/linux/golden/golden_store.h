// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/golden/kernel_file.h"
#include "guest/linux/golden/module_file.h"

#include <memory>
#include <optional>
#include <string>

namespace ringside::guest::linux {

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
  /// Errors: `not_found` if none of that build id was imported, and those of reading it.
  virtual Result<std::shared_ptr<const GoldenKernel>> kernel(const std::string& build_id) = 0;
  /// The same; also `not_found` if several may be meant.
  virtual Result<std::shared_ptr<const GoldenModule>> module(const GoldenModuleKey& key) = 0;
};

}  // namespace ringside::guest::linux
