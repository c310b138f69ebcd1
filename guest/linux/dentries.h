// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/kernel.h"
#include "guest/linux/object_reader.h"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace ringside::guest::linux {

/// What paths need of a struct dentry (include/linux/dcache.h).
struct Dentry {
  Gva parent, inode;
  std::optional<Gva> operations;  ///< nullopt: this kernel's layouts do not tell
  bool hashed = false;            ///< d_hash.pprev is set: it can be found by its name
  std::string name;
  bool is_root(Gva self) const { return parent == self; }
  /// d_unlinked()
  bool unlinked(Gva self) const { return !hashed && !is_root(self); }
};

/// What paths need of a struct mount (fs/mount.h).
struct MountNode {
  Gva parent;  ///< struct vfsmount of the mount that this one stands on; its own: the top
  Gva point;   ///< dentry of that mount which this one covers
  Gva root;    ///< dentry of the file system that is the root of this mount
};

/// Reads dentries and mounts and remembers them: paths share most of their components.
class DentryReader {
 public:
  explicit DentryReader(Kernel& kernel);
  /// Valid until the next call. `malformed` for address 0.
  Result<const Dentry*> dentry(Gva address);
  Result<const MountNode*> mount(Gva vfsmount);
  /// The first that this kernel's layouts do not tell and every path needs.
  std::optional<Error> unusable() const;

 private:
  using Member = ObjectReader::Member;
  /// Remembered objects of either kind; then it begins anew.
  static constexpr std::size_t kMaxKept = 1u << 16;

  Kernel& kernel_;
  ObjectReader dentry_, mount_;
  Member hash_, parent_, length_, name_, inode_, operations_;
  Member mount_parent_, mount_point_, mount_root_;
  Result<std::uint32_t> vfsmount_;  ///< offset of the struct vfsmount in a struct mount
  std::unordered_map<std::uint64_t, Dentry> dentries_;
  std::unordered_map<std::uint64_t, MountNode> mounts_;
};

}  // namespace ringside::guest::linux
