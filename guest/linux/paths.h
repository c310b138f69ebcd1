// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "guest/address.h"
#include "guest/linux/kernel.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringside::guest::linux {

/// struct path: a name inside a mount. `mount` is the address of its struct vfsmount, 0: none.
struct Path {
  Gva mount, dentry;
  bool operator==(const Path&) const = default;
};

/// Most components that a path may have, and most bytes (PATH_MAX, include/uapi/linux/limits.h). Some file
/// systems' names are longer than NAME_MAX, 255: exFAT and NTFS count UTF-16, of which UTF-8 makes up to
/// thrice as much.
inline constexpr std::size_t kMaxPathComponents = 4096;
inline constexpr std::size_t kMaxPathBytes = 4096;
inline constexpr std::size_t kMaxNameBytes = 1024;

/// The path of a file as /proc/PID/fd and /proc/PID/exe show it to a reader in the initial root (d_path,
/// fs/d_path.c): up through mounts to the system's root, else to the root of the file's own mount namespace;
/// " (deleted)" behind one that is unlinked; "socket:[INO]", "pipe:[INO]", "anon_inode:[eventfd]",
/// "net:[INO]", "/memfd:NAME (deleted)" and their like for files without a place in a tree. Bytes are as the
/// guest holds them: not necessarily UTF-8, control characters included. Errors: `out_of_bounds` (too deep,
/// too long), `malformed` (a loop), `unsupported` (a name that a function makes which is not known), or what
/// reading said.
Result<std::string> path_of(Kernel& kernel, Path path);
Result<std::string> path_of(Kernel& kernel, Gva vfsmount, Gva dentry);
/// The path of a struct file; of an overlay's inner file the one that the user opened.
Result<std::string> file_path(Kernel& kernel, Gva file);
/// The path as a process with that root sees it, for mountinfo; `not_found` if it does not lie below `root`.
/// Without " (deleted)".
Result<std::string> path_below(Kernel& kernel, Path root, Path path);
/// The path inside its file system, mounts left out (dentry_path); "//deleted" behind one that is unlinked.
Result<std::string> path_in_filesystem(Kernel& kernel, Gva dentry);

/// The root of the initial processes: init_task.fs.root, which kernel threads and process 1 share.
Result<Path> system_root(Kernel& kernel);
/// f_path of a struct file, of an overlay's inner file the one that the user opened (struct backing_file).
Result<Path> path_of_file(Kernel& kernel, Gva file);

/// `text` as /proc writes it in tables (mangle_path, fs/seq_file.c): each byte that stands in `special`
/// becomes a backslash and three octal digits.
std::string escape_octal(std::string_view text, std::string_view special);

}  // namespace ringside::guest::linux
