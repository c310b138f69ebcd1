// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/device_number.h"
#include "guest/linux/kernel.h"
#include "guest/linux/listing.h"
#include "guest/linux/paths.h"

#include <cstdint>
#include <optional>
#include <string>

namespace ringside::guest::linux {

/// One mount, as /proc/PID/mountinfo shows it (Documentation/filesystems/proc.rst, section 3.5).
struct Mount {
  int id = 0, parent_id = 0;
  std::optional<DeviceNumber> device;  ///< of the file system
  std::optional<std::string> root;     ///< directory of the file system that is the root of this mount
  std::optional<std::string> point;   ///< where it is mounted; nullopt: not below the root that was asked for
  std::string options;                ///< "rw,nosuid,relatime": of the mount
  std::string propagation;            ///< "shared:2 master:1", "unbindable"; empty: private
  std::string filesystem;             ///< "ext4", "fuse.sshfs"
  std::optional<std::string> source;  ///< what was mounted
  /// Of the file system, as far as its flags tell: "rw,sync,dirsync,lazytime". The file system's own options
  /// are made by its code and not held as text.
  std::string super_options;
  Gva mount, vfsmount, super_block;  ///< struct mount, the struct vfsmount in it, struct super_block
  std::uint64_t mount_flags = 0, super_flags = 0;  ///< mnt_flags (MNT_*), s_flags (SB_*)
};

/// Most mounts that are read of one namespace (fs.mount-max is 100000 unless set higher).
inline constexpr std::uint64_t kMaxMounts = 1u << 18;

/// The mounts of a namespace (struct mnt_namespace), in the kernel's own order. Mount points are given as a
/// process with `root` sees them; without it as seen from the top of the namespace.
Result<Listing<Mount>> mounts(Kernel& kernel, Gva mnt_namespace, std::optional<Path> root = std::nullopt);

/// The mount namespace of the initial processes: init_task.nsproxy.mnt_ns.
Result<Gva> initial_mount_namespace(Kernel& kernel);
/// The number of a namespace as /proc/PID/ns/mnt shows it (mnt_namespace.ns.inum).
Result<std::uint64_t> mount_namespace_number(Kernel& kernel, Gva mnt_namespace);

}  // namespace ringside::guest::linux
