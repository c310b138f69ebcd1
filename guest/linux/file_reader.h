// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/backing_files.h"
#include "guest/linux/device_number.h"
#include "guest/linux/kernel.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/paths.h"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

/// What is asked of a struct inode. nullopt: this kernel's layouts do not tell.
struct InodeFacts {
  Gva address;
  std::optional<std::uint64_t> number;
  std::optional<std::uint32_t> mode;
  std::optional<DeviceNumber> file_system;  ///< i_sb->s_dev
  std::optional<DeviceNumber> device;       ///< i_rdev
  std::optional<Gva> mapping;               ///< i_mapping
};

/// What is asked of a struct file; the same way.
struct FileFacts {
  Gva address;
  Gva inode;  ///< f_inode: of an overlay's inner file the inner one
  Gva operations;
  std::optional<Gva> private_data;
  std::optional<std::uint32_t> flags;
  std::optional<std::uint64_t> mode;
  std::optional<std::int64_t> position;
};

/// Reads files and inodes and remembers the inodes. One a kernel.
class FileReader {
 public:
  static FileReader& of(Kernel& kernel);
  explicit FileReader(Kernel& kernel);

  Result<FileFacts> file(Gva address);
  /// What this kernel's layouts do not tell of files and inodes.
  std::vector<Error> missing() const;
  Result<InodeFacts> inode(Gva address);
  /// The inode that /proc/PID/maps speaks of: of an overlay's inner file the one that the user opened.
  Result<InodeFacts> user_inode(const FileFacts& file);

 private:
  using Member = ObjectReader::Member;
  static constexpr std::size_t kMaxKept = 1u << 16;
  Result<DeviceNumber> device_of(Gva super_block);

  Kernel& kernel_;
  ObjectReader file_, inode_;
  Member file_inode_, file_operations_, file_private_, file_flags_, file_mode_, file_position_;
  Member number_, mode_, super_block_, rdev_, mapping_;
  Result<Field> super_dev_, dentry_inode_;
  std::optional<BackingFiles> backing_;
  std::unordered_map<std::uint64_t, InodeFacts> inodes_;
  std::unordered_map<std::uint64_t, DeviceNumber> devices_;
};

/// FMODE_* (include/linux/fs.h).
namespace fmode {
inline constexpr std::uint64_t kRead = 1, kWrite = 2;
}  // namespace fmode

}  // namespace ringside::guest::linux
