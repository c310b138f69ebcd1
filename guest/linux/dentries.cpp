// SPDX-License-Identifier: Apache-2.0
#include "guest/linux/dentries.h"

#include "guest/linux/paths.h"

namespace ringside::guest::linux {

DentryReader::DentryReader(Kernel& kernel)
    : kernel_(kernel),
      dentry_(kernel, "dentry"),
      mount_(kernel, "mount"),
      hash_(dentry_.add("d_hash.pprev")),
      parent_(dentry_.add("d_parent")),
      length_(dentry_.add("d_name.len")),
      name_(dentry_.add("d_name.name")),
      inode_(dentry_.add("d_inode")),
      operations_(dentry_.add("d_op")),
      mount_parent_(mount_.add("mnt_parent")),
      mount_point_(mount_.add("mnt_mountpoint")),
      mount_root_(mount_.add("mnt.mnt_root")),
      vfsmount_(kernel.offset("mount", "mnt")) {}

std::optional<Error> DentryReader::unusable() const {
  for (const Member needed : {hash_, parent_, length_, name_, inode_})
    if (!dentry_.has(needed)) return dentry_.missing().front();
  if (!mount_.missing().empty()) return mount_.missing().front();
  if (!vfsmount_) return vfsmount_.error();
  return std::nullopt;
}

Result<const Dentry*> DentryReader::dentry(Gva address) {
  if (const auto known = dentries_.find(address.value); known != dentries_.end()) return &known->second;
  if (address == Gva{0}) return fail(Errc::malformed, "a path without a dentry");
  if (auto why = unusable()) return fail(std::move(*why));
  const auto at = [&] { return "dentry at " + to_string(address); };
  if (auto read = dentry_.read(address); !read) return fail(read.error().within(at()));
  Dentry found;
  found.parent = dentry_.pointer(parent_).value_or(Gva{0});
  found.inode = dentry_.pointer(inode_).value_or(Gva{0});
  found.operations = dentry_.pointer(operations_);
  found.hashed = dentry_.pointer(hash_).value_or(Gva{0}) != Gva{0};
  const std::uint64_t length = dentry_.integer(length_).value_or(0);
  if (length > kMaxNameBytes)
    return fail(Errc::out_of_bounds, at() + ": a name of " + std::to_string(length) + " bytes");
  // The kernel takes a NUL for the end too (prepend_name, fs/d_path.c).
  auto name = kernel_.read_string(dentry_.pointer(name_).value_or(Gva{0}), length);
  if (!name) return fail(name.error().within(at()));
  found.name = std::move(*name);
  if (dentries_.size() >= kMaxKept) dentries_.clear();
  return &(dentries_[address.value] = std::move(found));
}

Result<const MountNode*> DentryReader::mount(Gva vfsmount) {
  if (const auto known = mounts_.find(vfsmount.value); known != mounts_.end()) return &known->second;
  if (vfsmount == Gva{0}) return fail(Errc::malformed, "a path without a mount");
  if (auto why = unusable()) return fail(std::move(*why));
  if (auto read = mount_.read(Gva{vfsmount - Gva{*vfsmount_}}); !read)
    return fail(read.error().within("mount at " + to_string(vfsmount)));
  MountNode found;
  found.parent = mount_.pointer(mount_parent_).value_or(Gva{0}) + *vfsmount_;
  found.point = mount_.pointer(mount_point_).value_or(Gva{0});
  found.root = mount_.pointer(mount_root_).value_or(Gva{0});
  if (mounts_.size() >= kMaxKept) mounts_.clear();
  return &(mounts_[vfsmount.value] = found);
}

}  // namespace ringside::guest::linux
