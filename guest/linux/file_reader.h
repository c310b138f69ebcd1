// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/object_reader.h"
#include "guest/linux/paths.h"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace ringside::guest::linux {

/// The kernel's dev_t (include/linux/kdev_t.h).
struct DeviceNumber {
  unsigned major = 0, minor = 0;
  static DeviceNumber of(std::uint64_t dev) {
    return {static_cast<unsigned>((dev >> 20) & 0xfff), static_cast<unsigned>(dev & 0xfffff)};
  }
};

/// What is asked of a struct inode.
struct InodeFacts {
  Gva address;
  std::uint64_t number = 0;
  std::uint32_t mode = 0;
  DeviceNumber file_system;  ///< i_sb->s_dev
  DeviceNumber device;       ///< i_rdev
  Gva mapping;               ///< i_mapping
};

/// What is asked of a struct file.
struct FileFacts {
  Gva address;
  Gva inode;  ///< f_inode: of an overlay's inner file the inner one
  Gva operations, private_data;
  std::uint32_t flags = 0;
  std::uint64_t mode = 0;
  std::int64_t position = 0;
};

/// Reads files and inodes and remembers the inodes. One a kernel.
class FileReader {
 public:
  static FileReader& of(Kernel& kernel);
  explicit FileReader(Kernel& kernel);

  Result<FileFacts> file(Gva address);
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
  bool backing_ = false;  ///< this kernel has struct backing_file
  std::unordered_map<std::uint64_t, InodeFacts> inodes_;
  std::unordered_map<std::uint64_t, DeviceNumber> devices_;
};

/// FMODE_* (include/linux/fs.h).
namespace fmode {
inline constexpr std::uint64_t kRead = 1, kWrite = 2;
/// 6.5 and newer: the file is the first member of a struct backing_file.
inline constexpr std::uint64_t kBacking = std::uint64_t{1} << 25;
}  // namespace fmode

}  // namespace ringside::guest::linux
