// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guest/linux/linux_macro.h"

#include <cstdint>
#include <string>

namespace ringside::guest::linux {

/// MNT_* (include/linux/mount.h) and, from 6.17 on, T_* in mnt_t_flags (fs/mount.h).
namespace mount_flag {
inline constexpr std::uint64_t kShared = 0x1000, kUnbindable = 0x2000, kCursor = 0x10000000;
inline constexpr std::uint64_t kTreeShared = 1, kTreeUnbindable = 2;
}  // namespace mount_flag

/// "rw,nosuid,relatime": mnt_flags as /proc/PID/mountinfo writes them (show_mnt_opts, fs/proc_namespace.c).
std::string mount_options(std::uint64_t flags, bool idmapped);
/// "rw,sync,dirsync,mand,lazytime": s_flags of a file system (show_sb_opts).
std::string super_options(std::uint64_t flags);

}  // namespace ringside::guest::linux
