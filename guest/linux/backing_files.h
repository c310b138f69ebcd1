// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"

#include <cstdint>
#include <optional>

namespace ringside::guest::linux {

/// A stacking file system (overlayfs, FUSE passthrough) opens a file of the one below it as struct
/// backing_file: that file, and the path that the user opened (fs/file_table.c, 6.5 and newer).
struct BackingFiles {
  Field user_path;
  std::uint64_t mode_bit = 0;  ///< FMODE_BACKING of f_mode
  bool is_one(std::uint64_t f_mode) const { return (f_mode & mode_bit) != 0; }
};

/// nullopt: this kernel has none.
std::optional<BackingFiles> backing_files(Kernel& kernel);

}  // namespace ringside::guest::linux
